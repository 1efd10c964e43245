// SPDX-License-Identifier: ISC
// axe.mjs: axe-core finds nothing on any screen, in light and in dark, with the drawer and a dialog
// open too; and nothing is wider than its window from 360 to 1920 pixels, with long names.
import { open, check, same, quiet, visit, settled, end, axeSource, BASE } from "./browser.mjs";
import { pretend, plain, SCREENS } from "./made.mjs";

const long = (i, column) => (["name", "address", "user", "sender", "recipient", "subject", "label", "target", "targets"].includes(column)
	? (column === "name" || column === "subject" || column === "label" ? "Donaudampfschifffahrtsgesellschaftskapitänswitwe Annegret von und zu " : "") + `${"long".repeat(14)}${i}@${"sub.".repeat(20)}example.org` : column === "reply" || column === "words" ? "x".repeat(300) + " " + "words ".repeat(40) : plain(i, column));

async function axe(page, where) {
	const found = await page.evaluate(async () => (await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] })).violations
		.map((v) => `${v.id}: ${v.nodes.slice(0, 2).map((n) => n.target.join(" ") + " " + (n.any[0]?.message || "")).join("; ")}`));
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

for (const colorScheme of ["light", "dark"]) {
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
	for (const place of ["queue", "people", "backups", "tokens"]) {
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

// what is cut off, covers something, or hangs over the edge
const misfits = () => {
	const width = document.documentElement.clientWidth, out = [];
	if (document.documentElement.scrollWidth > width)
		out.push(`the page is ${document.documentElement.scrollWidth} wide`);
	const seen = [...document.querySelectorAll("main button, main a, main input, main select, main h1, main h2, main dt, main dd, main .badge, main .tile")]
		.map((e) => [e, e.getBoundingClientRect()]).filter(([e, r]) => r.width > 1 && r.height > 1 && !e.closest(".table-box, .log, .u-legend, .visually-hidden"));
	for (const [e, r] of seen)
		if (r.right > width + 1 || r.left < -1)
			out.push(`${e.tagName}.${e.className} reaches from ${Math.round(r.left)} to ${Math.round(r.right)}: ${e.textContent.slice(0, 30)}`);
	const touch = seen.filter(([e]) => /^(BUTTON|A|INPUT|SELECT|H1|H2)$/.test(e.tagName));
	for (let i = 0; i < Math.min(touch.length, 120); i++)
		for (let k = i + 1; k < Math.min(touch.length, 120); k++) {
			const [a, r] = touch[i], [b, s] = touch[k];
			if (!a.contains(b) && !b.contains(a) && Math.min(r.right, s.right) - Math.max(r.left, s.left) > 2 && Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top) > 4)
				out.push(`${a.tagName} "${a.textContent.slice(0, 20)}" and ${b.tagName} "${b.textContent.slice(0, 20)}" overlap`);
		}
	return out.slice(0, 4).join("; ");
};
for (const width of [360, 768, 1920]) {
	const page = await begin({ viewport: { width, height: 900 } }, { text: long });
	for (const [place] of SCREENS) {
		await visit(page, place);
		same(await page.evaluate(misfits), "", `${place} at ${width} pixels`);
	}
	if (width === 360) {
		// on a phone tables are cards: nothing to be pushed sideways
		for (const place of ["people", "queue", "trace", "aliases", "audit"]) {
			await visit(page, place);
			same(await page.evaluate(() => [...document.querySelectorAll(".table-box")].filter((e) => e.scrollWidth > e.clientWidth + 1).length), 0, `${place}: tables that scroll sideways on a phone`);
		}
		check(await page.locator(".bottombar a").count() >= 4, "the bar at the foot");
		await page.click(".bottombar button");
		check(await page.locator(".side nav a").first().isVisible(), "the drawer opens");
		await page.keyboard.press("Escape");
		await page.waitForFunction(() => !document.querySelector(".drawer-open"));
	}
	await page.context().close();
}
await end();
