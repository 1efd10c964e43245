// SPDX-License-Identifier: ISC
// layout.mjs: nothing is wider than its window, cut, or covers another at 360, 768 and 1920 pixels,
// with long names; on a phone tables are cards, and the navigation is a drawer.
import { open, check, same, visit, settled, end, BASE } from "./browser.mjs";
import { pretend, plain, SCREENS } from "./made.mjs";

const long = (i, column) => (column === "destination" ? `${"long".repeat(14)}${i}.${"sub.".repeat(20)}example.org` : ["name", "address", "user", "sender", "recipient", "subject", "label", "target", "targets", "to", "who", "host", "source", "username", "new_address"].includes(column)
	? (column === "name" || column === "subject" || column === "label" ? "Donaudampfschifffahrtsgesellschaftskapitänswitwe Annegret von und zu " : "") + `${"long".repeat(14)}${i}@${"sub.".repeat(20)}example.org` : ["reply", "words", "reason", "device"].includes(column) ? "x".repeat(300) + " " + "words ".repeat(40) : plain(i, column));

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
async function fits(width) {
	const page = await open({ viewport: { width, height: 900 } });
	await pretend(page, { n: 3, text: long });
	await page.goto(BASE + "/");
	await settled(page);
	for (const [place] of SCREENS) {
		await visit(page, place);
		same(await page.evaluate(misfits), "", `${place} at ${width} pixels`);
	}
	if (width === 360) {
		// on a phone tables are cards: nothing to be pushed sideways
		for (const place of ["people", "queue", "trace", "aliases", "audit", "sessions", "bans", "me", "sending?tab=destinations", "sending?tab=routes", "sending?tab=suppressed"]) {
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
await Promise.all([fits(360), fits(768).then(() => fits(1920))]);
await end();
