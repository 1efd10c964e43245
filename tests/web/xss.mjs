// SPDX-License-Identifier: ISC
// xss.mjs: sixty strings that make a careless page run them, in every text of every answer, on every
// screen: no dialog, no violation of the content policy, no element made of them. Before that the
// check is shown to notice: markup put in by hand is reported.
import { open, check, same, quiet, visit, settled, end, BASE } from "./browser.mjs";
import { pretend, SCREENS } from "./made.mjs";

const RUN = "alert(1)";
export const STRINGS = [
	`<script>${RUN}</script>`, `"><script>${RUN}</script>`, `'><script>${RUN}</script>`, `</script><script>${RUN}</script>`, `<ScRiPt>${RUN}</sCrIpT>`, `<script src=//evil.example/x.js></script>`,
	`<script\n>${RUN}</script>`, `<<script>${RUN}//<</script>`, `<scr<script>ipt>${RUN}</scr</script>ipt>`, `<script/x>${RUN}</script>`,
	`<img src=x onerror=${RUN}>`, `"><img src=x onerror=${RUN}>`, `<img/src=x/onerror=${RUN}>`, `<img src="x" onerror="${RUN}"`, `<IMG SRC=javascript:${RUN}>`, `<img src=x:x onerror\n=${RUN}>`, `<img srcset=x onerror=${RUN}>`, "<img src=`x` onerror=`alert(1)`>",
	`<svg onload=${RUN}>`, `<svg/onload=${RUN}>`, `<svg><script>${RUN}</script></svg>`, `<svg><a xlink:href="javascript:${RUN}"><text>x</text></a></svg>`, `<svg><animate onbegin=${RUN} attributeName=x>`, `<math href="javascript:${RUN}">x</math>`,
	`<iframe src="javascript:${RUN}">`, `<iframe srcdoc="<script>${RUN}</script>">`, `<object data="javascript:${RUN}">`, `<embed src="javascript:${RUN}">`, `<base href="javascript:${RUN}//">`, `<link rel=stylesheet href=//evil.example/x.css>`,
	`<meta http-equiv=refresh content="0;url=javascript:${RUN}">`, `<style>@import '//evil.example/x.css'</style>`, `<div style="background:url(javascript:${RUN})">`, `<body onload=${RUN}>`, `<input autofocus onfocus=${RUN}>`, `<details open ontoggle=${RUN}>`,
	`<video><source onerror=${RUN}></video>`, `<audio src=x onerror=${RUN}>`, `<marquee onstart=${RUN}>`, `<form action="javascript:${RUN}"><button>x</button></form>`, `<a href="javascript:${RUN}">x</a>`, `<a href=" &#14; javascript:${RUN}">x</a>`,
	`javascript:${RUN}`, `JaVaScRiPt:${RUN}`, `java\tscript:${RUN}`, `data:text/html,<script>${RUN}</script>`, `vbscript:msgbox(1)`, `" onmouseover="${RUN}`, `' onfocus='${RUN}' autofocus='`, `" autofocus onfocus=${RUN} x="`,
	"${alert(1)}", "{{constructor.constructor('alert(1)')()}}", "<template><script>alert(1)</script></template>", `--><img src=x onerror=${RUN}>`, `]]><img src=x onerror=${RUN}>`, `<!--<img src="--><img src=x onerror=${RUN}>">`,
	`&lt;script&gt;${RUN}&lt;/script&gt;`, `\\u003cimg src=x onerror=${RUN}\\u003e`, `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`, `\u202e<img src=x onerror=${RUN}>@example.org`,
];

// the page's own picture is none: the QR code of the person's page
const MADE = "main img:not(.qr[src^='/apple.svg?address=']), main iframe, main object, main embed, main base, main meta, main script, main style, main video, main audio, main marquee, main math, main template, main [onerror], main [onload], main [onfocus], main [onmouseover], main a[href^='javascript' i], main a[href^='data' i], dialog img";

same(STRINGS.length, 60, "strings");
same(new Set(STRINGS).size, 60, "different strings");

// the check itself can fail
{
	const page = await open();
	await pretend(page, {});
	await page.goto(BASE + "/");
	await settled(page);
	await page.evaluate(() => { document.querySelector("main").innerHTML += "<img src=x onerror=alert(1)><div style='color:red'>x</div>"; });
	await page.waitForFunction(() => document.querySelector("main img"));
	await page.waitForTimeout(300);
	check(page.seen.violations.length > 0, "markup put in by hand is reported by the content policy");
	check(page.seen.dialogs.length === 0, "and the content policy kept it from running");
	check(await page.locator(MADE).count() > 0, "and it is found in the page");
	await page.context().close();
}

for (const role of ["admin", "person"]) {
	const page = await open();
	// row i, column c: each string comes up in each column
	const column = {};
	await pretend(page, { role, n: 60, text: (i, c) => STRINGS[(i + (column[c] = column[c] ?? Object.keys(column).length)) % 60] });
	await page.goto(BASE + "/");
	await settled(page);
	const places = role === "person" ? [["me"], ["mine"], ["story/x"], ["about"]] : [...SCREENS, ...STRINGS.filter((_, i) => i % 6 === 0).flatMap((s) => [[`person/${encodeURIComponent(s)}`], [`domain/${encodeURIComponent(s)}`], [`trace?q=${encodeURIComponent(s)}`]])];
	for (const [place] of places) {
		await visit(page, place).catch((e) => check(false, `${place}: ${e.message}`));
		// the pages of a table behind the first
		for (const next = page.locator("main .pager button:text-is('Next'):not([disabled])"); await next.count();)
			await next.first().click();
		same(await page.locator(MADE).count(), 0, `${place}: elements made of texts`);
	}
	if (role === "admin") {
		await visit(page, "sending");
		await page.fill("[name=test]", "a@far.example");
		await page.click("main button:text-is('Test')");
		await page.waitForSelector("main table[aria-label='Stages of the test']");
		same(await page.locator(MADE).count(), 0, "elements made of the words of a test");
		// the texts in questions and forms
		for (const [place, button] of [["aliases", "td button:text-is('Change')"], ["aliases", "td button:text-is('Remove')"], ["settings", ".setting button:text-is('Change')"], ["tokens", "td button:text-is('Remove')"], ["backups", "td button:text-is('Restore …')"], ["person/x", ".head button:text-is('Change')"],
			["person/x", ".head button:text-is('Forward')"], ["sessions", "td button:text-is('End')"], ["bans", "td button:text-is('Let in')"], ["sending?tab=reports", "td button.link"], ["sending?tab=routes", "td button:text-is('Change')"], ["sending?tab=suppressed", "td button:text-is('Send again')"], ["settings?view=history", "td button:text-is('Undo')"]]) {
			await visit(page, place);
			await page.locator(button).first().click();
			await page.waitForSelector("dialog[open]");
			same(await page.locator(MADE).count(), 0, `${place}: elements made of texts in its dialog`);
			await page.keyboard.press("Escape");
			await page.waitForSelector("dialog", { state: "detached" });
		}
	}
	quiet(page, `as ${role}`);
	await page.context().close();
}
await end();
