// SPDX-License-Identifier: ISC
// browser.mjs: what every walk needs: Debian's chromium, a page that reports whatever a browser may
// complain about (script errors, dialogs, violations of the content policy), and checks that count.
//
// A walk is told by the environment: MANSIO_WEB the address of the page, MANSIO_USER and
// MANSIO_PASSWORD an administrator, MANSIO_PERSON and MANSIO_PERSON_PASSWORD someone without a role.
// It prints a line for each check that fails, and "N checks" at its end.
import { createRequire } from "node:module";

const require = createRequire(process.env.MANSIO_NODE_MODULES + "/");
const { chromium } = require("playwright-core");
export const axeSource = () => require("fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
export const BASE = process.env.MANSIO_WEB;
export const ADMIN = [process.env.MANSIO_USER, process.env.MANSIO_PASSWORD];
export const PERSON = [process.env.MANSIO_PERSON, process.env.MANSIO_PERSON_PASSWORD];

const PATIENCE = Number(process.env.MANSIO_PATIENCE || 40000);

let checks = 0, failed = 0;

export function check(good, words) {
	checks++;
	if (!good) {
		failed++;
		console.log("FAILED " + words);
	}
	return good;
}

export function same(got, wanted, words) {
	check(got === wanted, `${words}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
}

let browser = null;

export async function open(options = {}) {
	browser = browser || chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
	const context = await (await browser).newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC", ...options });
	context.setDefaultTimeout(PATIENCE);
	const page = await context.newPage();
	page.seen = { errors: [], dialogs: [], violations: [] };
	page.on("pageerror", (e) => page.seen.errors.push(e.message));
	page.on("dialog", (d) => {
		page.seen.dialogs.push(d.message());
		d.dismiss();
	});
	page.on("console", (m) => {
		// a refused login is told there, too; that is no fault of the page
		if (m.type() === "error" && !/Failed to load resource/.test(m.text()))
			page.seen.errors.push(m.text());
	});
	await page.exposeFunction("tellViolation", (v) => page.seen.violations.push(v));
	await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => window.tellViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
	return page;
}

// nothing that a browser complained about
export function quiet(page, where) {
	for (const [kind, list] of Object.entries(page.seen))
		check(list.length === 0, `${where}: ${kind}: ${list.slice(0, 3).join(" | ")}`);
	page.seen.errors.length = page.seen.dialogs.length = page.seen.violations.length = 0;
}

export async function login(page, [address, password] = ADMIN) {
	await page.goto(BASE + "/");
	await page.fill("[name=address]", address);
	await page.fill("[name=password]", password);
	await page.click("button[type=submit]");
	await page.waitForSelector("main#main h1");
}

// goes to a screen and waits until it has loaded what it shows; all in one call, for there are hundreds
export async function visit(page, place) {
	await page.evaluate(([to, patience]) => new Promise((done, failed) => {
		const over = Date.now() + patience;
		let left = false;
		// by way of nowhere, so that the screen is made anew
		location.hash = "#/-";
		const look = () => {
			const title = document.querySelector("main h1")?.textContent;
			if (left && title && title !== "Not here" && !document.querySelector("main .wait"))
				return done();
			if (!left && title === "Not here") {
				left = true;
				location.hash = "#/" + to;
			}
			return Date.now() > over ? failed(new Error(`${to} does not come (${title})`)) : setTimeout(look, 5);
		};
		look();
	}), [place, PATIENCE]);
}

export async function settled(page) {
	await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main .wait") && document.querySelector("main h1")?.textContent !== "Not here");
}

export async function end() {
	await (await browser)?.close();
	console.log(`${checks} checks, ${failed} failed`);
	process.exit(failed || !checks ? 1 : 0);
}
