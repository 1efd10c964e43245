// SPDX-License-Identifier: ISC
// api.js: talks to /api/v1/. A verb is called by its name ("user add") with an object of
// arguments; what changes something goes by POST with the CSRF token of the login, what only
// reads by GET. A failure is thrown as Failure with the server's own sentence.
const BASE = "/api/v1/";
let csrf = "";
let lost = () => {};

export class Failure extends Error {
	constructor(sentence, status, code) {
		super(sentence);
		this.status = status;
		this.code = code;
	}
}

export function setCsrf(token) {
	csrf = token || "";
}

// what to do when the login is no longer good
export function onLost(f) {
	lost = f;
}

function query(args) {
	const q = new URLSearchParams();
	for (const [name, value] of Object.entries(clean(args)))
		for (const one of Array.isArray(value) ? value : [value])
			q.append(name, one === true ? "yes" : one === false ? "no" : String(one));
	return q.toString();
}

// undefined and null are not sent; an empty text is: it empties a value
function clean(args) {
	return Object.fromEntries(Object.entries(args || {}).filter(([, v]) => v !== undefined && v !== null));
}

async function send(method, path, body) {
	const headers = { Accept: "application/json" };
	let answer;
	if (method === "POST") {
		headers["Content-Type"] = "application/json";
		headers["X-Mansio-CSRF"] = csrf;
	}
	try {
		answer = await fetch(BASE + path, { method, headers, credentials: "same-origin", cache: "no-store",
			body: method === "POST" ? JSON.stringify(body || {}) : undefined });
	} catch (e) {
		throw new Failure("The server does not answer. Is the suite running, and this computer online?", 0, 0);
	}
	const text = await answer.text();
	let said = {};
	try {
		said = text ? JSON.parse(text) : {};
	} catch (e) {
		throw new Failure(`The server answered with something that is not JSON (HTTP ${answer.status}).`, answer.status, 0);
	}
	if (!answer.ok) {
		const f = new Failure(said.error || `The server refused (HTTP ${answer.status}).`, answer.status, said.code || 0);
		// some rows may have come before it went wrong
		f.rows = said.rows;
		f.said = said;
		if (answer.status === 401 && path !== "login" && path !== "me")
			lost(f);
		throw f;
	}
	return said;
}

const pathOf = (verb) => verb.split(" ").map(encodeURIComponent).join("/");

// what an answer is about: rows, one result, or a text
function unpack(said) {
	return said.rows ?? said.result ?? said.text ?? {};
}

export async function read(verb, args) {
	const q = query(args);
	const said = await send("GET", pathOf(verb) + (q ? "?" + q : "")), answer = unpack(said);
	// the rows are good, and not all that there are
	if (said.rows && said.error)
		answer.missing = said.error;
	return answer;
}

export async function change(verb, args) {
	return unpack(await send("POST", pathOf(verb), clean(args)));
}

export const login = (address, password, second) => send("POST", "login", { address, password, ...second });
export const logout = () => send("POST", "logout");
export const invite = (token, password) => send("POST", "invite", { token, password });
export const me = () => send("GET", "me");
export const verbs = () => send("GET", "verbs");
export const streamPath = (verb, args) => {
	const q = query(args);
	return BASE + "stream/" + pathOf(verb) + (q ? "?" + q : "");
};
