// SPDX-License-Identifier: ISC
// session.js: who is logged in, and what the table of verbs lets them do. A screen or a button
// whose verb is not in the table is not shown; the server checks again in any case.
import * as api from "./api.js";

export const session = { me: null, verbs: new Map() };

// "address! quota:size target* roles#" as [{name, type, mark}]; the API may also send a list
export function parseArgs(args) {
	if (Array.isArray(args))
		return args.map((a) => (typeof a === "string" ? parseArgs(a)[0] : a));
	return String(args || "").split(/\s+/).filter((a) => a && a !== "scope").map((word) => {
		const m = /^([a-z0-9_]+)(?::([a-z]+))?([!+?*^]?)(#?)$/.exec(word);
		return m ? { name: m[1], type: m[2] || "text", mark: m[3], admin: m[4] === "#" } : { name: word, type: "text", mark: "" };
	});
}

function learn(rows) {
	session.verbs = new Map();
	for (const row of rows || []) {
		const verb = row.verb || row.name || "";
		const full = !row.noun || verb.startsWith(row.noun + " ") ? verb : `${row.noun} ${verb}`;
		session.verbs.set(full, { ...row, args: parseArgs(row.args) });
	}
}

async function begin(who) {
	session.me = { roles: [], domains: [], ...who };
	if (who.csrf)
		api.setCsrf(who.csrf);
	const said = await api.verbs();
	learn(said.rows || said.verbs || said.result || []);
	return session.me;
}

// the login that the cookie stands for; null: none
export async function resume() {
	try {
		const said = await api.me();
		return await begin(said.result || said);
	} catch (e) {
		if (e.status === 401)
			return null;
		throw e;
	}
}

export async function enter(address, password, second) {
	const said = await api.login(address, password, second);
	return begin(said.result || said);
}

export async function leave() {
	try {
		await api.logout();
	} finally {
		session.me = null;
		session.verbs = new Map();
	}
}

// May the asker use this verb, and does it know that argument?
export function can(verb, arg) {
	const v = session.verbs.get(verb);
	return Boolean(v && (!arg || v.args.some((a) => a.name === arg)));
}

export const argsOf = (verb) => session.verbs.get(verb)?.args || [];
export const roles = () => session.me?.roles || [];
export const isAdmin = () => roles().includes("admin");
export const administers = (address) => isAdmin() || roles().includes(`admin${address.slice(address.lastIndexOf("@"))}`);
// a mailbox that one looks at as an owner of it, not as its holder nor as an administrator
export const asOwner = (address) => address !== session.me.address && !administers(address);
export const isPerson = () => !roles().some((r) => r === "admin" || r.startsWith("admin@"));
