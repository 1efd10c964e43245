// SPDX-License-Identifier: ISC
// keys.mjs: the keyboard alone: login, skip link, every link of the navigation, search by /, a form
// in a dialog, Esc. What has the focus is always seen. And the weight of the first page.
import { open, check, same, quiet, settled, end, ADMIN, BASE } from "./browser.mjs";
import { pretend } from "./made.mjs";

const focused = (page) => page.evaluate(() => {
	const e = document.activeElement, s = getComputedStyle(e);
	return { tag: e.tagName, text: (e.getAttribute("aria-label") || e.innerText || e.name || "").trim(), href: e.getAttribute("href"), outline: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2, inDialog: Boolean(e.closest("dialog")) };
});

const page = await open();
let bytes = 0, files = 0;
const cdp = await page.context().newCDPSession(page);
await cdp.send("Network.enable");
cdp.on("Network.loadingFinished", (e) => {
	bytes += e.encodedDataLength;
	files++;
});
const asked = await pretend(page, { n: 5 });
let signedIn = false;
await page.route("**/api/v1/me", (route) => (signedIn ? route.fallback() : route.fulfill({ status: 401, contentType: "application/json", body: '{"error":"please sign in","code":77}' })));
await page.goto(BASE + "/");
await page.waitForSelector("[name=password]");
check(files > 5 && bytes > 10000, `the files of the page are counted (${files})`);
await page.keyboard.type(ADMIN[0]);
await page.keyboard.press("Tab");
await page.keyboard.type(ADMIN[1]);
signedIn = true;
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");
await page.waitForSelector(".chart canvas");
await page.waitForLoadState("networkidle").catch(() => {});
check(bytes < 150 * 1024, `login and dashboard weigh ${bytes} bytes`);
console.log(`first page: ${files} files, ${bytes} bytes`);

// the skip link comes first, and leads to the content
await page.reload();
await page.waitForSelector("main#main h1");
await page.keyboard.press("Tab");
same((await focused(page)).text, "Skip to the content", "the first stop");
await page.keyboard.press("Enter");
same(await page.evaluate(() => document.activeElement.id), "main", "where it leads");

// every link of the navigation is reached in its order, and seen
const links = await page.locator(".side nav a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
const reached = [];
await page.locator(".side .brand").focus();
for (let i = 0; i < links.length; i++) {
	await page.keyboard.press("Tab");
	const f = await focused(page);
	reached.push(f.href);
	check(f.outline, `the focus is seen on ${f.text}`);
}
same(reached.join(), links.join(), "links reached by Tab");

// by Enter to a screen; the focus goes to its title; / to its search
await page.locator(".side nav a[href='#/aliases']").focus();
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Aliases" && document.activeElement?.tagName === "H1");
await settled(page);
await page.keyboard.press("/");
check(await page.evaluate(() => document.activeElement.hasAttribute("data-search")), "/ goes to the search");
await page.keyboard.type("a/b");
same(await page.inputValue("main [data-search]"), "a/b", "/ in a field is a letter");
await page.keyboard.press("Escape");
same(await page.inputValue("main [data-search]"), "", "Esc empties the search");

// a form in a dialog: the focus is held, Esc closes and goes back, Enter sends
await page.keyboard.press("Tab");
same((await focused(page)).text, "New alias", "after the search");
await page.keyboard.press("Enter");
await page.waitForSelector("dialog[open]");
for (let i = 0; i < 9; i++) {
	await page.keyboard.press("Tab");
	const f = await focused(page);
	check(f.inDialog || f.tag === "BODY", `Tab stays in the dialog (${f.tag} ${f.text})`);
}
await page.keyboard.press("Escape");
await page.waitForSelector("dialog", { state: "detached" });
same((await focused(page)).text, "New alias", "the focus is back");
await page.keyboard.press("Enter");
await page.waitForSelector("dialog[open]");
await page.locator("dialog [name=address]").focus();
await page.keyboard.type("info@example.org");
await page.keyboard.press("Tab");
await page.keyboard.type("anna@example.org");
await page.keyboard.press("Enter");
await page.keyboard.type("ben@example.org");
await page.keyboard.press("Tab");
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
await page.waitForSelector("dialog", { state: "detached" });
same(JSON.stringify(asked.find((a) => a.verb === "alias add")?.args), '{"address":"info@example.org","target":["anna@example.org","ben@example.org"]}', "what was sent");
check((await page.textContent(".toasts")).includes("info@example.org was made"), "it is said");
same(await page.getAttribute(".toasts", "aria-live"), "polite", "and read aloud");

// every control of a screen is reached
await page.evaluate(() => { location.hash = "#/queue"; });
await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Queue");
await settled(page);
const controls = await page.locator("main").locator("a[href], button:not([disabled]), input, select").count();
await page.locator("#main").focus();
const stops = new Set();
for (let i = 0; i < controls; i++) {
	await page.keyboard.press("Tab");
	stops.add(await page.evaluate(() => { const e = document.activeElement; return e.closest("main") ? (e.dataset.stop = e.dataset.stop || String(performance.now())) : ""; }));
}
stops.delete("");
same(stops.size, controls, "controls reached by Tab");
quiet(page, "keyboard");
await end();
