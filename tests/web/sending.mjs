// SPDX-License-Identifier: ISC
// sending.mjs: what an administrator does about mail to others and about the host, against a running
// suite with name servers, mail servers, a receiver of webhooks and an old server of its own: each
// action once, seen to have happened. What others say (replies, records of the DNS, errors) holds
// markup, and stays text.
import { execFileSync } from "node:child_process";
import { open, check, same, quiet, login, visit, end, ADMIN } from "./browser.mjs";

const page = await open();
await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
const has = (words) => page.waitForFunction((w) => document.querySelector("main")?.innerText.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is not seen on ${page.url()}`));
const gone = (words) => page.waitForFunction((w) => !document.querySelector("main")?.innerText.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is still seen on ${page.url()}`));
const said = (words) => page.waitForFunction((w) => document.querySelector(".toasts")?.textContent.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is not said`));
const row = (words) => page.locator("main tbody tr", { hasText: words });
const inRow = (words, button) => row(words).locator("td.actions button", { hasText: button }).click();
const press = (name) => page.click(`main .head button:text-is("${name}"), main .card button:text-is("${name}")`);
const tab = (name) => page.click(`main .segments button:text-is("${name}")`);
const MARKUP = "<img src=x onerror=alert(1)>";
const clean = async (where) => same(await page.locator("main img, main [onerror], dialog img").count(), 0, `${where}: elements made of texts`);

async function send(button) {
	await page.click(button ? `dialog button.primary:text-is("${button}")` : "dialog button[type=submit]");
	await page.waitForSelector("dialog", { state: "detached" }).catch(async () => check(false, `the dialog stays: ${await page.textContent("dialog")}`));
}

async function fill(fields) {
	await page.waitForSelector("dialog[open]");
	for (const [name, value] of Object.entries(fields))
		await (/^(tls|kind|action|way)$/.test(name) ? page.selectOption(`dialog [name=${name}]`, value) : page.fill(`dialog [name=${name}]`, value));
}

// a question is answered, and another dialog shows what came of it
async function answered(button, title, ...words) {
	await page.click(`dialog button:text-is("${button}")`);
	await shown(title, ...words);
}

async function shown(title, ...words) {
	await page.waitForFunction(([t, all]) => [...document.querySelectorAll("dialog[open]")].some((d) => d.querySelector("h2")?.textContent.startsWith(t) && all.every((w) => d.textContent.includes(w))), [title, words])
		.then(() => check(true, title), async () => check(false, `“${title}” with ${words} is not said: ${await page.locator("dialog").allTextContents()}`));
	await page.click("dialog[open] header button");
	await page.waitForSelector("dialog", { state: "detached" });
}

await login(page);

await visit(page, "sending");

// would mail arrive? Here it would, there it would not
for (const [address, words] of [["ben@slow.example", "taken by mx.slow.example"], ["ben@dead.example", "Connection refused"]]) {
	await page.fill("[name=test]", address);
	await page.click("main button:text-is('Test')");
	await has(words);
}
await clean("test");

// routes: made, changed, found, removed; the password is nowhere
await tab("Routes");
await press("New route");
await fill({ to: "far.example", host: "127.0.0.1:2525", tls: "encrypt", username: "we", password: "very hidden", comment: MARKUP });
await send("Make the route");
await has("127.0.0.1:2525");
await has(MARKUP);
await clean("routes");
await inRow("far.example", "Change");
await fill({ comment: "by night" });
same(await page.inputValue("dialog [name=password]"), "", "the password is not there");
await send("Save");
await has("by night");
check(!(await page.content()).includes("very hidden"), "the password is nowhere on the page");
await press("New route");
await fill({ to: "far.example", host: "other.example" });
await page.click("dialog button[type=submit]");
await page.waitForSelector("dialog .note.bad");
check((await page.textContent("dialog .note.bad")).includes("exists"), "what is refused is said in the server's words");
await page.keyboard.press("Escape");
await page.fill("main [data-search]", "far.ex");
await inRow("far.example", "Remove");
await send("Remove");
await page.fill("main [data-search]", "");
await has("No route");

// rules
await tab("Rules");
await page.click("section[aria-label=Access] button:text-is('New rule')");
await fill({ kind: "sender", who: ".spam.example", action: "reject", text: MARKUP });
await send("Make the rule");
await has(".spam.example");
await has(MARKUP);
await page.click("section[aria-label=Rewriting] button:text-is('New rule')");
await fill({ kind: "recipient", who: "old@example.org", new_address: "new@example.org" });
await send("Make the rule");
await has("new@example.org");
await clean("rules");
await inRow(".spam.example", "Remove");
await send("Remove");
await gone(".spam.example");
await inRow("old@example.org", "Remove");
await send("Remove");
await gone("old@example.org");

// the suppression list
await tab("Suppressed");
await press("Suppress an address");
await fill({ address: "gone@far.example", time: "2h", comment: `He wrote: ${MARKUP}` });
await send("Suppress");
await has("gone@far.example");
await has(`He wrote: ${MARKUP}`);
await clean("suppression list");
await page.fill("main [data-search]", "nobody@");
await has("No such address");
await page.fill("main [data-search]", "gone@far");
await inRow("gone@far.example", "Send again");
await send("Send again");
await gone("gone@far.example");

// destinations: one whose server said later is tried, and takes it; one that is down gets another way
await tab("Destinations");
await has("dead.example");
await has("slow.example");
check((await row("dead.example").first().textContent()).includes("down"), "a server that cannot be reached is down");
await clean("destinations");
await visit(page, "queue");
await has(`451 4.7.1 ${MARKUP} come back later`);
await has("scheduled");
check(/in 1 h 5\d min.*\d\d:\d\d/s.test(await row("tomorrow@slow.example").textContent()), `when it is to leave: ${await row("tomorrow@slow.example").textContent()}`);
await clean("queue");
const story = await row("later@slow.example").locator("a").getAttribute("href");
await visit(page, "sending?tab=destinations");
await row("slow.example").locator("button", { hasText: "Try now" }).click();
await send("Try now");
await said("recipient");
await visit(page, story.replace("#/message", "story"));
for (let i = 0; i < 40 && !(await page.textContent("main")).includes("Delivered to later@slow.example"); i++) {
	await page.waitForTimeout(100);
	await visit(page, story.replace("#/message", "story"));
}
const told = await page.innerText("main");
check(told.includes(`451 4.7.1 ${MARKUP} come back later`) && told.includes("mx.slow.example") && told.includes("127.0.8.1") && told.includes("250 2.0.0 queued as"), `each attempt with its host, address and words: ${told}`);
await clean("story");
await visit(page, "sending?tab=destinations");
await inRow("dead.example", "Another way");
await fill({ hop: "no server" });
await page.click("dialog button[type=submit]");
await page.waitForSelector("dialog .note.bad");
await fill({ hop: process.env.MANSIO_HOP });
await send("Send that way");
await page.waitForFunction(() => ![...document.querySelectorAll("main tbody tr")].some((r) => r.innerText.includes("dead.example") && /Another way/.test(r.innerText)));
check(true, "it went another way");

// in the queue: what is scheduled is tried now, what is hopeless is given up, by filters
await visit(page, "queue");
await page.selectOption("main select[aria-label=State]", "scheduled");
await has("All found 1 message");
await press("Try now");
await send("Try now (1)");
await gone("tomorrow@slow.example");
await page.selectOption("main select[aria-label=State]", "");
await page.fill("main input[aria-label=Domain]", "never.example");
await has("All found 1 message");
await press("Another way …");
await fill({ hop: "127.0.8.2:9" });
await send("Send that way");
await said("1 message: by 127.0.8.2:9");
await press("Give up");
await send("Give up (1)");
await has("Nothing fits the filter");

// what is told of it: a webhook that takes a test, records
await visit(page, "sending?tab=reports");
await has("accounting-");
await has(`The Reporter ${MARKUP}`);
await row("The Reporter").locator("button.link").click();
await shown("example.org, 2026-11-20", "certificate-expired", "starttls-not-supported", MARKUP);
await clean("reports");
await page.click("main button:text-is('Test')");
await answered("Post it", "The receiver took it", "200");

// the keys of a domain, and its records as the DNS has them
await visit(page, "domain/example.org");
await has("v=spf1 +all");
await has(MARKUP);
await clean("records of a domain");
const keys = (n) => page.waitForFunction((wanted) => document.querySelectorAll("section[aria-label^='Signing keys'] tbody tr").length === wanted, n).then(() => check(true, ""), () => check(false, `${n} keys`));
await press("Make keys");
await send("Make new keys");
await keys(2);
await has("202");
await page.locator("section[aria-label^='Signing keys'] button[aria-label^='Copy Value of']").first().click();
check((await page.evaluate(() => navigator.clipboard.readText())).startsWith("v=DKIM1;"), "the record is copied");
await press("New keys");
await send("Make new keys");
await keys(4);
await has("waits for the DNS");
await press("New keys");
await page.click("dialog button:text-is('Make new keys')");
await page.waitForSelector("dialog .note.bad");
await page.keyboard.press("Escape");
await page.locator("section[aria-label^='Signing keys'] td.actions button").last().click();
await send("Remove");
await keys(2); // a pair

// checks of the host and of its domains, with real answers
await visit(page, "checks");
await has("to look at");
await has("127.0.0.1");
await clean("checks");

// certificates: the new one is seen on the port, as it is served
await visit(page, "certs");
await has("imaps");
const before = await row("imaps").first().locator("code").getAttribute("title");
execFileSync("sh", ["-c", process.env.MANSIO_NEW_CERTIFICATE]);
await press("Ask again");
await page.waitForFunction((old) => { const c = [...document.querySelectorAll("main tbody tr")].find((r) => r.innerText.includes("imaps"))?.querySelector("code"); return c && c.title !== old; }, before);
same(await row("imaps").first().locator("code").getAttribute("title"), execFileSync("sh", ["-c", process.env.MANSIO_FINGERPRINT], { encoding: "utf8" }).trim(), "the fingerprint of the new certificate");

// a backup is made, listed, verified
await visit(page, "backups");
await page.locator("main button:text-is('Back up now')").first().click();
await answered("Back up", "The backup");
await page.waitForSelector("main tbody td.actions button:text-is('Verify')");
same(await page.locator("main tbody tr").count(), 1, "backups");
await press("Verify");
await answered("Verify", "Backup 2");

// an account of an old server is taken over
await visit(page, "imports");
const form = page.locator("main form");
for (const [name, value] of [["host", process.env.MANSIO_OLD], ["address", ADMIN[0]], ["user", process.env.MANSIO_OLD_USER], ["password", process.env.MANSIO_OLD_PASSWORD]])
	await form.locator(`[name=${name}]`).fill(value);
await form.locator("button[type=submit]").click();
await shown("Import");
await page.waitForFunction(() => [...document.querySelectorAll("main tbody .badge")].some((b) => b.textContent === "done"));
await has("2 of 2");
// the way out: straight, then by a smarthost, and back (last: what waits is tried at once then)
await visit(page, "sending");
await has("Straight to the servers of each domain");
await press("Change the way");
await fill({ way: "smarthost", host: "127.0.0.1:9" });
await send("Save");
await has("All of it by 127.0.0.1:9");
await press("Change the way");
await fill({ way: "direct" });
await send("Save");
await has("Straight to the servers of each domain");
quiet(page, "sending");
await end();
