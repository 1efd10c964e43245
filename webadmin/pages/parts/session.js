// SPDX-License-Identifier: ISC
// session.js: what a row of `session list` is, in words: the service, the state, and the device, which is what the client
// says of itself: IMAP's ID ("name=Thunderbird version=128.1 os=Linux"), or a browser's User-Agent. Any of it may be a lie,
// and is text; the whole of it is in the title.
import { html } from "../lib/dom.js";
import { Soft } from "./bits.js";

const SERVICES = { imap: "IMAP", imaps: "IMAP", pop3: "POP3", pop3s: "POP3", submission: "Sending", submissions: "Sending", submit: "Sending", smtp: "Mail of servers", web: "Web page", https: "Web page" };
const STATES = { room: "active", page: "signed in" };
const BROWSERS = [[/ Edg[A-Z]*\/(\d+)/i, "Edge"], [/ OPR\/(\d+)/, "Opera"], [/Firefox\/(\d+)/, "Firefox"], [/Chrom(?:e|ium)\/(\d+)/, "Chrome"], [/Version\/(\d+).* Safari\//, "Safari"]];
const SYSTEMS = [[/Windows/, "Windows"], [/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Mac OS X/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]];

export const serviceOf = (r) => SERVICES[r.service] || r.service;
export const stateOf = (r) => STATES[r.state] || r.state;
export const HERE = "this page"; // the state of the login that asks
export const isWeb = (r) => r.service === "web";

const browser = (text) => {
	const [pattern, name] = BROWSERS.find(([p]) => p.test(text)) || [], [, system] = SYSTEMS.find(([p]) => p.test(text)) || [];
	return name ? `${name} ${pattern.exec(text)[1]}${system ? ` on ${system}` : ""}` : text;
};

// "a=one b=two words" as an object; a value may hold spaces, a name may not
const pairs = (text) => Object.fromEntries(text.split(/ (?=[^ =]+=)/).map((p) => [p.slice(0, p.indexOf("=")), p.slice(p.indexOf("=") + 1)]));
const program = (text) => {
	const said = pairs(text);
	return said.name ? `${said.name}${said.version ? ` ${said.version}` : ""}${said.os ? ` on ${said.os}` : ""}` : text;
};

export const deviceOf = (r) => {
	const said = String(r.device || "");
	return isWeb(r) ? browser(said) : program(said);
};
export const Device = ({ row }) => row.device ? html`<span title=${row.device}><${Soft} text=${deviceOf(row).slice(0, 120)} /></span>` : html`<span class="soft">does not say</span>`;
