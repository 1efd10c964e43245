// SPDX-License-Identifier: ISC
// rows.mjs: every screen with no row, one, and ten thousand; what a server refuses; what a role sees.
import { open, check, same, quiet, visit, settled, end, BASE } from "./browser.mjs";
import { pretend, SCREENS, verbRows } from "./made.mjs";

async function begin(options) {
	const page = await open();
	const asked = await pretend(page, options);
	await page.goto(BASE + "/");
	await settled(page);
	return [page, asked];
}

async function size(n) {
	const [page] = await begin({ n });
	for (const [place, verb] of SCREENS) {
		await visit(page, place);
		const seen = await page.evaluate(() => ({ rows: document.querySelectorAll("main tbody tr, main .setting, main .story li, main .log p").length, empty: document.querySelectorAll("main .empty, main .none, main .story").length,
			wrong: [...document.querySelectorAll("main .note.bad")].map((e) => e.textContent).join(), all: document.querySelectorAll("main *").length, text: document.querySelector("main").innerText.length }));
		same(seen.wrong, "", `${place} with ${n} rows`);
		check(seen.text > 60, `${place} with ${n} rows says something`);
		if (n === 0 && verb && place !== "person/someone0%40example.org" && place !== "me")
			check(seen.empty > 0, `${place} says what to do when it is empty`);
		if (n > 0 && verb)
			check(seen.rows > 0, `${place} shows its ${n} rows`);
		if (n === 10000) {
			if (!/^(settings|story|log)/.test(place))
				check(seen.all < 4000, `${place}: ${seen.all} elements for ten thousand rows`);
		}
		quiet(page, `${place} with ${n} rows`);
	}
	await page.context().close();
}
await Promise.all([Promise.resolve().then(() => size(0)).then(() => size(1)), size(10000)]);

// the last of ten thousand can be reached and found
{
	const [page, asked] = await begin({ n: 10000 });
	await visit(page, "sessions");
	await page.click(".pager button:text-is('Last')");
	check((await page.textContent(".pager")).includes("10,000"), "the pager tells how many");
	same(await page.locator("main tbody tr").count(), 50, "rows of the last page");
	await page.fill("main [data-search]", "someone9999@");
	await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
	await visit(page, "people");
	await page.fill("main [data-search]", "someone9876@");
	await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
	check(asked.some((a) => a.verb === "user list" && a.args.match === "someone9876@"), "people are searched by the server");
	check(asked.filter((a) => a.verb === "user list").every((a) => Number(a.args.limit) > 0 || a.args.match), "people are asked for a page at a time");
	await page.fill("main [data-search]", "");
	await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 50);
	await page.click(".pager button:text-is('Last')");
	await page.click(".pager button:text-is('Load more')");
	await page.waitForFunction(() => document.querySelector(".pager")?.textContent.includes("1,000"));
	quiet(page, "paging");
	await page.context().close();
}

// the bulk action says how many, and sends the filter
{
	const [page, asked] = await begin({ n: 37 });
	await visit(page, "queue");
	await page.fill("main input[aria-label=Domain]", "example.org");
	await page.waitForFunction(() => document.querySelector("main .filters .soft")?.textContent.includes("found"));
	await page.click("main .filters button:text-is('Hold')");
	check((await page.textContent("dialog")).includes("37 messages"), "the question says how many");
	await page.click("dialog button.primary");
	await page.waitForSelector("dialog", { state: "detached" });
	same(JSON.stringify(asked.filter((a) => a.verb === "queue hold").map((a) => a.args)), '[{"domain":"example.org"}]', "what is sent");
	await page.context().close();
}

// each failure shows the server's sentence
{
	const [page] = await begin({ n: 1, fail: "the moon is full" });
	for (const [place] of SCREENS.filter(([p, v]) => v && p !== "me"))
		await visit(page, place).then(() => page.waitForFunction(() => document.querySelector("main")?.textContent.includes("the moon is full")), (e) => check(false, `${place}: ${e.message}`));
	await page.context().close();
}

// a part is not shown as the whole
{
	const [page] = await begin({ n: 2, missing: { error: "the moon has its people", code: 75 } });
	await visit(page, "book");
	same(await page.locator("main tbody tr").count(), 2, "the people that are there");
	check((await page.textContent("main .note.warn")).includes("the moon has its people"), "why they are not all");
	await page.context().close();
}

// what is not allowed, or does not exist, is not shown
{
	const [page] = await begin({ role: "person", n: 2 });
	same((await page.locator(".side nav a").allTextContents()).join(), "My account,My mail,Address book,About", "what a person sees");
	// a mailbox that one owns: neither what its holder alone has, nor who says who owns it
	await visit(page, "person/office%40example.org");
	await page.waitForSelector("main section[aria-label='Owners'] td");
	check(!/Second factor|Sessions/.test(await page.textContent("main")), "an owner sees nothing of its holder");
	same(await page.locator("main button:text-is('New owner'), main .head button:text-is('Password')").count(), 0, "what an owner may not do");
	await page.click("section[aria-label='App passwords'] button:text-is('New')");
	check(await page.locator("dialog[open] [name=old]").count() === 1, "an owner is asked for the own password");
	await page.keyboard.press("Escape");
	await page.evaluate(() => { location.hash = "#/queue"; });
	await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "Not here");
	await page.context().close();
	const titles = { "queue list": "Queue", "trace search": "Trace", "log follow": "Live log", "backup list": "Backups", "cert list": "Certificates", "config list": "Settings", "token list": "Tokens", "audit list": "Audit log", "ban list": "Banned networks" };
	const options = { n: 1 }, [without] = await begin(options);
	check(verbRows("admin").length > 50, "the table of verbs");
	for (const [verb, title] of Object.entries(titles)) {
		options.without = [verb];
		await without.reload();
		await settled(without);
		const shown = await without.locator(".side nav a").allTextContents();
		check(!shown.includes(title), `${title} is hidden without ${verb}`);
		check(Object.values(titles).every((t) => t === title || shown.includes(t)), `all others are there without ${verb}: ${shown}`);
	}
	// a domain's administrator has the screens of the verbs for domains, and no button of another verb on them
	const [local, used] = await begin({ role: "domain", n: 2 });
	check(!(await local.locator(".side nav a").allTextContents()).some((t) => ["Sending", "Queue", "Settings", "Certificates"].includes(t)), "what a domain's administrator does not see");
	await visit(local, "domain/example.org");
	check(await local.locator("section[aria-label^='Signing keys'] button:text-is('New keys')").count() === 1, "a domain's administrator may make new keys");
	await local.click("main .segments button:text-is('TLS reports')");
	await local.waitForSelector("main section[aria-label='Reports about TLS'] td");
	same(await local.locator("main button:text-is('Send now')").count(), 0, "what a domain's administrator may not do with a report");
	check(used.every((a) => verbRows("domain").some((v) => `${v.noun} ${v.verb}`.trim() === a.verb)), "no verb is asked that is not there");
	await local.context().close();
}
await end();
