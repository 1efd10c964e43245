// SPDX-License-Identifier: ISC
// axe.mjs: axe-core finds nothing on any screen, in light and in dark, with the drawer and a dialog
// open too.
import { open, same, quiet, visit, settled, end, axeSource, BASE } from "./browser.mjs";
import { pretend, SCREENS } from "./made.mjs";

// in the dark the elements are the same and only colours are not
async function axe(page, where) {
	const rules = /dark/.test(where) ? { type: "rule", values: ["color-contrast", "link-in-text-block"] } : { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
	const found = await page.evaluate(async (runOnly) => (await window.axe.run(document, { runOnly, resultTypes: ["violations"] })).violations
		.map((v) => `${v.id}: ${v.nodes.slice(0, 2).map((n) => n.target.join(" ") + " " + (n.any[0]?.message || "")).join("; ")}`), rules);
	same(found.join("\n"), "", `axe, ${where}`);
}

async function begin(options, data) {
	const page = await open({ ...options, bypassCSP: false });
	await page.addInitScript({ content: axeSource() });
	await pretend(page, { n: 3, ...data });
	await page.goto(BASE + "/");
	await settled(page);
	return page;
}

async function look(colorScheme) {
	const page = await begin({ colorScheme });
	for (const [place] of SCREENS) {
		await visit(page, place);
		await axe(page, `${place}, ${colorScheme}`);
	}
	// the empty screens have texts of their own, and so have dialogs
	await visit(page, "people");
	await page.click("main button:text-is('New person')");
	await axe(page, `a form, ${colorScheme}`);
	await page.keyboard.press("Escape");
	await visit(page, "queue");
	await page.click("main .filters button:text-is('Remove')");
	await axe(page, `a question, ${colorScheme}`);
	quiet(page, colorScheme);
	await page.context().close();
	const empty = await begin({ colorScheme, viewport: { width: 400, height: 800 } }, { n: 0 });
	for (const place of ["queue", "people", "backups", "tokens", "bans"]) {
		await visit(empty, place);
		await axe(empty, `${place}, empty, phone, ${colorScheme}`);
	}
	await empty.click(".topbar button");
	await axe(empty, `the drawer, ${colorScheme}`);
	await empty.context().close();
	const door = await open({ colorScheme });
	await door.addInitScript({ content: axeSource() });
	await door.goto(BASE + "/");
	await door.waitForSelector("[name=password]");
	await axe(door, `the login, ${colorScheme}`);
	await door.goto(BASE + "/#/invite/abc");
	await door.waitForSelector("[name=again]");
	await axe(door, `the invitation, ${colorScheme}`);
	await door.context().close();
}
await Promise.all([look("light"), look("dark")]);
await end();
