// SPDX-License-Identifier: ISC
// walk.mjs: an administrator's first day, against a running suite and its real API: from the first
// login to the first mail in the trace; then one action on each screen, seen to have happened.
import { execFileSync } from "node:child_process";
import { open, check, same, quiet, login, visit, settled, end, BASE, ADMIN } from "./browser.mjs";

const page = await open();
await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(BASE).origin });
const main = () => page.textContent("main");
const has = (words) => page.waitForFunction((w) => document.querySelector("main")?.innerText.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is not seen on ${page.url()}`));
const gone = (words) => page.waitForFunction((w) => !document.querySelector("main")?.innerText.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is still seen on ${page.url()}`));
const press = (name) => page.click(`main .head button:text-is("${name}"), main .card header button:text-is("${name}"), main .filters button:text-is("${name}")`);
const said = (words) => page.waitForFunction((w) => document.querySelector(".toasts")?.textContent.includes(w), words).then(() => check(true, words), () => check(false, `“${words}” is not said`));

async function send(button) {
	await page.click(button ? `dialog button:text-is("${button}")` : "dialog button[type=submit]");
	await page.waitForSelector("dialog", { state: "detached" }).catch(async () => check(false, `the dialog stays: ${await page.textContent("dialog")}`));
}

async function fill(fields) {
	await page.waitForSelector("dialog[open]");
	for (const [name, value] of Object.entries(fields))
		await page.fill(`dialog [name=${name}]`, value);
}

function mail(to, subject) {
	execFileSync("curl", ["-sS", "--url", `smtp://127.0.0.1:${process.env.MANSIO_SMTP}`, "--mail-from", "friend@elsewhere.example", "--mail-rcpt", to, "--upload-file", "-"],
		{ input: `From: friend@elsewhere.example\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W/g, ".")}@elsewhere.example>\r\n\r\nHello.\r\n` });
}

// the door: what is wrong is said in the server's words
await page.goto(BASE + "/");
await page.fill("[name=address]", ADMIN[0]);
await page.fill("[name=password]", "not the password");
await page.click("button[type=submit]");
await page.waitForSelector(".note.bad");
check((await page.textContent(".note.bad")).length > 10, "a wrong password is explained");
await page.fill("[name=password]", ADMIN[1]);
await page.click("button[type=submit]");
await page.waitForSelector("main#main h1");
await page.reload();
await page.waitForSelector("main#main h1");
check(!(await page.locator("[name=password]").count()), "the login outlives a reload");
const shown = await page.locator(".side nav a").allTextContents();
const there = (title) => check(shown.includes(title), `${title} is among the screens (${shown})`);

// a domain, a person, an alias
await visit(page, "domains");
await press("New domain");
await fill({ domain: "first.example" });
await send();
await said("first.example was made");
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "first.example");
await visit(page, "people");
await press("New person");
await fill({ address: "carla@first.example", name: "Carla <b>Conti</b>", quota: "2G" });
await page.click("dialog button:text-is('Make one up')");
const password = await page.inputValue("dialog [name=password]");
check(password.length >= 20, "a password is made up");
await send();
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Carla <b>Conti</b>");
await has("2 GB");
await visit(page, "people");
await page.fill("main [data-search]", "conti");
await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
await visit(page, "aliases");
await press("New alias");
await fill({ address: "office@first.example", target: `carla@first.example\n${ADMIN[0]}` });
await send();
await said("office@first.example was made");
await page.fill("main [data-search]", "office@first");
await has("office@first.example");
await page.fill("[name=who]", "office@first.example");
await page.click("main button:text-is('Ask')");
await page.waitForSelector(".tree li");
check((await page.textContent(".tree")).includes("carla@first.example"), "who gets mail for an alias");
await page.click("main tbody tr:has-text('office@first.example') button:text-is('Change')");
await fill({ target: "carla@first.example" });
await send();
await said("Saved");
await page.waitForFunction((a) => !(document.querySelector("main tbody")?.innerText ?? a).includes(a), ADMIN[0]);

// the first mail, and its story
mail("office@first.example", "The very first <i>letter</i>");
if (there("Trace")) {
	await visit(page, "trace");
	await page.fill("main [data-search]", "very first");
	for (let i = 0; i < 40 && !(await page.locator("main tbody tr").count()); i++) {
		await page.waitForTimeout(250);
		await page.fill("main [data-search]", i % 2 ? "very first" : "very first <i>");
	}
	await page.click("main tbody a.main");
	await page.waitForSelector(".story li");
	const story = await page.textContent(".story");
	check(/carla@first\.example/.test(story) && /friend@elsewhere\.example/.test(story), `the story names both ends: ${story}`);
}

// the person: change, forward, suspend, let in again
await visit(page, "person/carla%40first.example");
await press("Change");
await fill({ name: "Carla Conti", quota: "3G" });
await send();
await has("3 GB");
await press("Forward");
await fill({ target: "away@elsewhere.example" });
await send();
await has("away@elsewhere.example, and a copy stays here");
await press("Forward");
await fill({ target: "" });
await send();
await gone("away@elsewhere.example");
await press("Suspend");
await send("Suspend");
await has("suspended");
await press("Let in again");
await send("Let in");
await has("active");

// the address book, with her and without
async function finds(words) {
	await visit(page, "book");
	await page.fill("main [data-search]", "carla@first");
	await has(words);
}
await finds("Carla Conti");
check(await page.locator("main a[href='mailto:carla@first.example']").count() === 1, "a click writes to her");
for (const listed of [false, true]) {
	await visit(page, "person/carla%40first.example");
	await press("Change");
	await page.setChecked("dialog [name=listed]", listed);
	await send();
	await finds(listed ? "Carla Conti" : "Nobody found");
}
await visit(page, "person/carla%40first.example");

// a day on which it ends; somebody who may send as her; she leaves, and is back
await press("Change");
await fill({ expires: "2999-12-31" });
await send();
await has("until");
await press("Let somebody");
await fill({ who: ADMIN[0] });
await send("Let them");
await has(ADMIN[0]);
// an owner of her mailbox: seen there and on the owner's own page, and taken away
await press("New owner");
await fill({ who: ADMIN[0] });
await send("Make an owner");
const owner = `section[aria-label='Owners'] tbody tr:has-text('${ADMIN[0]}')`;
await page.waitForSelector(owner);
await visit(page, "me");
await page.click("section[aria-label='You look after'] tbody a:text-is('carla@first.example')");
await page.click(`${owner} button`);
await send("Take it away");
await page.waitForSelector(owner, { state: "detached" });
await press("Leaves");
await fill({ target: ADMIN[0], until: "2999-12-31", reply: "Write to ben@first.example" });
await send("Close the account");
await has("mail until");
await press("Let in again");
await send("Let in");
await gone("mail until");

// a hand-out link: its reader sets the password, once, and sees their own page alone
await press("Hand-out link");
await page.click("dialog button:text-is('Make a link')");
await page.waitForSelector(".secret pre");
const link = await page.textContent(".secret pre");
await page.click("dialog button[aria-label='Copy Link']");
same(await page.evaluate(() => navigator.clipboard.readText()), link, "the copied link");
await page.keyboard.press("Escape");
const guest = await open();
await guest.goto(BASE + "/" + link.slice(link.indexOf("#")));
await guest.fill("[name=password]", "Carla's own password 7");
await guest.fill("[name=again]", "Carla's own password 7");
await guest.click("button[type=submit]");
await guest.waitForSelector(".note.ok");
await guest.goto("about:blank");
await guest.goto(BASE + "/" + link.slice(link.indexOf("#")));
await guest.fill("[name=password]", "Another password 8");
await guest.fill("[name=again]", "Another password 8");
await guest.click("button[type=submit]");
await guest.waitForSelector(".note.bad");
await guest.goto("about:blank");
await login(guest, ["carla@first.example", "Carla's own password 7"]);
const hers = await guest.locator(".side nav a").allTextContents();
check(hers.includes("My account") && !hers.some((t) => ["Queue", "People", "Settings", "Domains", "Administrators", "Audit log"].includes(t)), `a person sees their own: ${hers}`);
await settled(guest);
check((await guest.textContent("main")).includes("carla@first.example"), "it is her page");
await guest.waitForSelector("section[aria-label='Sessions'] tr:has-text('this page')");
check(/Chrome \d+ on Linux[^]*Web page/.test(await guest.locator("section[aria-label='Sessions'] tbody tr", { hasText: "this page" }).textContent()), "she sees her own session and the browser");
await guest.click("main .head button:text-is('Change the password')");
await guest.fill("dialog [name=old]", "Carla's own password 7");
await guest.fill("dialog [name=password]", "Carla's third password 9");
await guest.click("dialog button[type=submit]");
// with the old password its logins end, this one too
await guest.waitForSelector("main.door [name=password]");
await login(guest, ["carla@first.example", "Carla's third password 9"]);
if (hers.includes("My mail")) {
	await visit(guest, "mine");
	check((await guest.textContent("main")).includes("The very first <i>letter</i>"), "she finds her mail");
}
quiet(guest, "her page");

// her login is ended by the administrator, and over at once
await visit(page, "person/carla%40first.example");
await page.waitForSelector("section[aria-label='Sessions'] td button");
for (let left = await page.locator("section[aria-label='Sessions'] td button").count(); left > 0; left--) {
	await page.locator("section[aria-label='Sessions'] td button").first().click();
	await send("End");
	await page.waitForFunction((n) => document.querySelectorAll("section[aria-label='Sessions'] td button").length < n, left);
}
await guest.evaluate(() => { location.hash = "#/me"; });
await guest.reload();
await guest.waitForSelector("[name=password]");
check(true, "her login is over");
await guest.context().close();

// roles and tokens
await visit(page, "admins");
await press("Give a role");
await fill({ address: "carla@first.example", roles: "admin@first.example" });
await send();
await has("admin@first.example");
const local = await open();
await login(local, ["carla@first.example", "Carla's third password 9"]);
const titles = await local.locator(".side nav a").allTextContents();
check(titles.includes("People") && titles.includes("Domains") && !titles.includes("Settings") && !titles.includes("Queue"), `the administrator of a domain: ${titles}`);
await visit(local, "people");
check(!(await local.textContent("main")).includes("@example.org"), "sees no other domain's people");
quiet(local, "the administrator of a domain");
await local.context().close();
await page.click("main tbody tr:has-text('carla@first.example') button:text-is('Take away')");
await send("Take the roles");
await gone("carla@first.example");
await visit(page, "tokens");
await press("New token");
await fill({ label: "machine seven", role: "metrics", days: "30" });
await page.click("dialog button[type=submit]");
await page.waitForSelector(".secret pre");
check((await page.textContent(".secret pre")).length > 24, "the secret is shown");
await page.keyboard.press("Escape");
await has("machine seven");
await page.click("main tbody tr:has-text('machine seven') button");
await send("Remove");
await gone("machine seven");

// the queue: hold, release, give up
if (there("Queue")) {
	await visit(page, "queue");
	await has("cannot be reached");
	await page.fill("main input[aria-label=Recipient]", "somewhere@elsewhere.example");
	await has("All found 1 message");
	await press("Hold");
	await send("Hold (1)");
	await has("when released");
	await press("Release");
	await send("Release (1)");
	await gone("when released");
	await page.click("main tbody a");
	await page.waitForFunction(() => document.querySelector("main h1")?.textContent?.startsWith("Message "));
	await has("somewhere@elsewhere.example");
	await press("Remove");
	await send("Remove");
	await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Queue");
	await gone("somewhere@elsewhere.example");
}

// a setting: changed, seen in the history, undone
if (there("Settings")) {
	await visit(page, "settings");
	await page.fill("main [data-search]", "smtp.recipients");
	await page.click("main .setting:has-text('smtp.recipients') button:text-is('Change')");
	await fill({ value: "777" });
	await send();
	await page.waitForFunction(() => document.querySelector("main .setting")?.innerText.includes("777"));
	await page.click("main button:text-is('Changed')");
	await has("smtp.recipients");
	await page.click("main button:text-is('History')");
	await has("777");
	await page.locator("main tbody tr").first().locator("button").click();
	await send("Undo");
	await page.click("main button:text-is('All')");
	await page.fill("main [data-search]", "smtp.recipients");
	await gone("777");
	await page.fill("main [data-search]", "tls.keys");
	await has("on the host only");
	await page.fill("main [data-search]", "smtp.recipients");
	await has("1 setting");
	// what a setting may not be, is said, and the dialog stays
	await page.click("main .setting:has-text('smtp.recipients') button:text-is('Change')");
	await fill({ value: "many" });
	await page.click("dialog button[type=submit]");
	await page.waitForSelector("dialog .note.bad");
	await page.keyboard.press("Escape");
}

// what every suite shows
if (there("Dashboard")) {
	await visit(page, "dashboard");
	await has("Processes");
	await has("traced");
	if (await page.locator("main button:text-is('1 hour')").count()) {
		await page.waitForFunction(() => [...document.querySelectorAll("main .badge")].some((b) => b.textContent === "live"));
		await page.click("main button:text-is('7 days')");
		await page.waitForSelector(".chart canvas, main .empty");
	}
}
if (there("Live log")) {
	await visit(page, "log");
	await page.waitForFunction(() => [...document.querySelectorAll("main .badge")].some((b) => b.textContent === "live"));
	await page.waitForFunction(() => document.querySelectorAll(".log p").length > 3);
	mail("carla@first.example", "for the log");
	await page.fill("main [data-search]", "carla@first.example");
	await page.waitForFunction(() => document.querySelector(".log")?.innerText.includes("carla@first.example"));
	await press("Pause");
	await has("paused");
}
if (there("Audit log")) {
	await visit(page, "audit");
	await has("user invite");
	await has(ADMIN[0]);
	check(!(await main()).includes(password), "no password stands in it");
}
await visit(page, "sessions");
await has("IMAP");
await page.selectOption("main select[aria-label='Which sessions']", "web");
await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length && [...document.querySelectorAll("main tbody tr")].every((r) => r.innerText.includes("Web page")));
await has("this page");
// by hand a network is banned, and let in again
await visit(page, "bans");
await has("No network is banned");
await press("Ban a network");
await fill({ network: "192.0.2.7", time: "2h", comment: "<b>guesses</b>" });
await send();
await has("192.0.2.7/32");
await has("<b>guesses</b>");
await has("in 2 hours");
await page.click("main tbody button:text-is('Let in')");
await send("Let in");
await has("No network is banned");
await visit(page, "about");
await page.fill("main [data-search]", "forward");
await has("user forward");
await visit(page, "me");
await has(ADMIN[0]);
await has(`port ${process.env.MANSIO_IMAPS}, TLS`);

// what was made is removed again
await visit(page, "aliases");
await page.fill("main [data-search]", "office@first");
await page.click("main tbody tr:has-text('office@first.example') button:text-is('Remove')");
await send("Remove");
await gone("office@first.example");
await visit(page, "person/carla%40first.example");
await press("Remove");
await send("Remove");
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "People");
await visit(page, "domain/first.example");
await press("Remove");
await send("Remove");
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Domains");
await gone("first.example");
quiet(page, "the whole day");

// out
await page.click(".foot button:text-is('Sign out')");
await page.waitForSelector("[name=password]");
await page.reload();
await page.waitForSelector("[name=password]");
check(true, "signed out");
await end();
