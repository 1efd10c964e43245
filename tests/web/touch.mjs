// SPDX-License-Identifier: ISC
// touch.mjs: a security key (the browser's virtual one) as a second factor of the page: added, used, asked for each time; what
// answers another challenge, another page, or a second time, opens nothing. MANSIO_SHOT: a folder for pictures.
import { open, check, same, quiet, settled, end, axeSource, BASE, PERSON } from "./browser.mjs";

const page = await open();
await page.addInitScript({ content: axeSource() });
const cdp = await page.context().newCDPSession(page);
await cdp.send("WebAuthn.enable");
const plug = (protocol = "ctap2") => cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol, transport: "usb", hasResidentKey: false, hasUserVerification: false, automaticPresenceSimulation: true } }).then((r) => r.authenticatorId);
let key = await plug();
const shot = async (name) => process.env.MANSIO_SHOT && page.screenshot({ path: `${process.env.MANSIO_SHOT}/${name}.png`, fullPage: true });
const axe = async (where) => same((await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations.map((v) => `${v.id}: ${v.nodes[0].target}`))).join("; "), "", `axe, ${where}`);
const card = "main section[aria-label='Second factor: security keys']";
const rows = () => page.locator(`${card} tbody tr`).count();
const said = (words) => page.waitForFunction((w) => document.body.innerText.includes(w), words).then(() => check(true, words), async () => check(false, `“${words}” is not said: ${(await page.textContent("body")).slice(0, 300)}`));

async function door() {
	await page.goto(BASE + "/");
	await page.waitForSelector("[name=password]");
	await page.fill("[name=address]", PERSON[0]);
	await page.fill("[name=password]", PERSON[1]);
}

async function out() {
	await page.context().clearCookies();
	await page.reload();
	await page.waitForSelector("[name=password]");
}

async function add(label) {
	await page.click(`${card} button:text-is("New")`);
	await page.fill("dialog [name=label]", label);
	await page.fill("dialog [name=old]", PERSON[1]);
	await page.keyboard.press("Enter");
}

// what goes to the server beside it, seen and changed on its way
let heard = [], change = null;
await page.route("**/api/v1/login", async (route) => {
	const body = route.request().postDataJSON();
	heard.push(body);
	await route.continue(change && body.key ? { postData: JSON.stringify(change(body)) } : {});
});

await door();
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");
same(heard.length, 1, "the password alone opens the page at first");
await page.waitForSelector(`${card} .none`);
await add("keyring");
await said("keep these codes");
await axe("recovery codes");
await shot("codes");
const recovery = (await page.textContent("dialog .secret")).match(/[a-z]{5}-[a-z]{5}/g);
same(recovery?.length, 10, "recovery codes");
await page.click("dialog button:text-is('Make an app password')");
await page.waitForSelector("dialog [name=protocols]");
await page.keyboard.press("Escape");
await page.waitForSelector("dialog", { state: "detached" });
await page.waitForFunction((c) => document.querySelectorAll(`${c} tbody tr`).length === 1, card);
check((await page.textContent(card)).includes("keyring"), "the key is listed");
await shot("me");
await axe("a person's page");
// the same key again, and another one
await add("again");
await said("one of the account's already");
await page.keyboard.press("Escape");
await page.waitForSelector("dialog", { state: "detached" });
const first = (await cdp.send("WebAuthn.getCredentials", { authenticatorId: key })).credentials[0];
check(!first.isResidentCredential && first.rpId === "localhost", "a key of this host");
quiet(page, "adding");

// by the key: asked for at once, and it is enough to touch it
await out();
heard = [];
await door();
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");
same(heard.length, 2, "password, then password and key");
check(heard[1].signature && heard[1].challenge && !heard[1].code, "the key answers");
const proof = heard[1];
await page.waitForFunction((c) => !/–/.test(document.querySelector(`${c} tbody tr`)?.innerText ?? "–"), card).catch(() => check(false, "its use is not listed"));

// the same answer again; one to another challenge; one that another page got: nothing, each time
const post = (body) => page.evaluate(async (b) => {
	const a = await fetch("/api/v1/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(b), cache: "no-store" });
	return { status: a.status, ...(await a.json()) };
}, body);
await page.context().clearCookies();
same((await post(proof)).status, 401, "a replay");
const asked = await post({ address: PERSON[0], password: PERSON[1] });
same([asked.status, asked.ways?.join(), asked.keys?.length, asked.rp_id].join(), "403,key,1,localhost", "what is asked for");
same((await post({ ...proof, challenge: asked.challenge })).status, 401, "another challenge than the one that was signed");
same((await post({ address: PERSON[0], password: "wrong " + PERSON[1] })).challenge, undefined, "no challenge for a wrong password");
const elsewhere = async (b) => {
	const data = JSON.parse(Buffer.from(b.client_data, "base64url"));
	return { ...b, client_data: Buffer.from(JSON.stringify({ ...data, origin: "https://evil.example" })).toString("base64url") };
};
await out();
await door();
let changed = null;
await page.unroute("**/api/v1/login");
await page.route("**/api/v1/login", async (route) => {
	const body = route.request().postDataJSON();
	if (body.key)
		changed = await elsewhere(body);
	await route.continue(body.key ? { postData: JSON.stringify(changed) } : {});
});
await page.keyboard.press("Enter");
await said("is not right");
check(changed, "an answer that another page got was sent");
await page.unroute("**/api/v1/login");

// its counter goes back: there may be two of it
await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: key });
key = await plug();
await cdp.send("WebAuthn.addCredential", { authenticatorId: key, credential: { ...first, signCount: 0 } });
await door();
await page.keyboard.press("Enter");
await said("is not right");
await cdp.send("WebAuthn.clearCredentials", { authenticatorId: key });
await cdp.send("WebAuthn.addCredential", { authenticatorId: key, credential: { ...first, signCount: 1000 } });
await door();
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");

// a second key, by the old protocol; then the first one is taken away, and opens nothing any more
await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: key });
key = await plug("u2f");
await settled(page);
await add("old one");
await page.waitForFunction((c) => document.querySelectorAll(`${c} tbody tr`).length === 2, card);
same(await page.locator("dialog").count(), 0, "recovery codes come with the first key alone");
await page.click(`${card} button[aria-label="Remove keyring"]`);
await page.fill("dialog [name=old]", PERSON[1]);
await page.keyboard.press("Enter");
await page.waitForFunction((c) => document.querySelectorAll(`${c} tbody tr`).length === 1, card);
await out();
await door();
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");
check(true, "the second key opens the page");
await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: key });
key = await plug();
await cdp.send("WebAuthn.addCredential", { authenticatorId: key, credential: { ...first, signCount: 2000 } });
await out();
await door();
await cdp.send("WebAuthn.setUserVerified", { authenticatorId: key, isUserVerified: false });
await page.keyboard.press("Enter");
await page.waitForSelector("[name=code]");
await said("The key did not answer");
await shot("login");
await axe("the door asks for a key");

// by the keyboard alone: a recovery code, once
await page.focus("[name=code]");
await page.keyboard.type(recovery[4]);
await page.keyboard.press("Enter");
await page.waitForSelector("main#main h1");
await out();
same((await post({ address: PERSON[0], password: PERSON[1], code: recovery[4] })).status, 401, "a recovery code is good once");
quiet(page, "the door");
await end();
