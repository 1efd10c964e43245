// SPDX-License-Identifier: ISC
// crowd.mjs: a running suite with ten thousand people, aliases, routes, suppressed addresses, and
// recipients in the queue for as many destinations: the first rows come at once, the last are reached, one is found, and a bulk action does what its question said.
import { open, check, same, quiet, login, visit, end } from "./browser.mjs";

const page = await open();
await login(page);
const only = (n) => page.waitForFunction((wanted) => document.querySelectorAll("main tbody tr").length === wanted, n).then(() => check(true, ""), () => check(false, `${n} rows on ${page.url()}`));
const has = (words) => page.waitForFunction((w) => document.querySelector("main")?.innerText.includes(w), words).then(() => check(true, ""), () => check(false, `“${words}” is not seen on ${page.url()}`));

for (const [place, one] of [["people", "p09999@crowd.example"], ["aliases", "a09999@crowd.example"], ["sending?tab=suppressed", "s09999@far.example"], ["sending?tab=routes", "r09999.example"]]) {
	await visit(page, place);
	await only(50);
	await page.fill("main [data-search]", one);
	await only(1);
	check((await page.textContent("main tbody")).includes(one), `${one} is found`);
	await page.fill("main [data-search]", "");
	await only(50);
	await page.click(".pager button:text-is('Last')");
	if (place.endsWith("routes")) {
		await has("of 10,000");
		continue;
	}
	await page.click(".pager button:text-is('Load more')");
	await has("of the first 1,000");
}
await visit(page, "person/p05000%40crowd.example");
await has("Person 5000");
await has("a05000@crowd.example");
await visit(page, "domain/crowd.example");
await has("10,000");

await visit(page, "queue");
await has("of 10,00");
await page.click(".pager button:text-is('Last')");
await page.fill("main input[aria-label=Sender]", process.env.MANSIO_PERSON);
await has("All found 10 messages");
for (const [verb, state] of [["Hold", "held"], ["Release", "waiting"]]) {
	await page.click(`main .filters button:text-is('${verb}')`);
	check((await page.textContent("dialog")).includes("10 messages, 10,000 recipients"), "the question says how many");
	await page.click(`dialog button:text-is('${verb} (10)')`);
	await page.waitForSelector("dialog", { state: "detached" });
	await page.waitForFunction((s) => [...document.querySelectorAll("main tbody .badge")].length > 0 && [...document.querySelectorAll("main tbody .badge")].every((b) => b.textContent === s || (s === "waiting" && b.textContent === "active")), state);
	check(true, state);
}
await page.click("main button:text-is('By destination')");
await has("of 10,00");
same(await page.locator("main tbody tr").first().locator("td").count() >= 5, true, "sums");
await visit(page, "sending?tab=destinations");
await has("of 10,00");
await page.fill("main [data-search]", "d9x999");
await only(1);
quiet(page, "the crowd");
await end();
