// SPDX-License-Identifier: ISC
// story.js: one message from its arrival to its last recipient; each attempt with the server, its
// address, how the connection was protected, and exactly what the server said.
import { html } from "../lib/dom.js";
import { isPerson } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Copy, Badge } from "../parts/all.js";

function mood(e) {
	const reply = /(?:^|[\s"])([245])\d\d[ -]/.exec(e.detail || ""), name = String(e.event || "").toLowerCase();
	if (/fail|bounce|reject|refus|damage|expire|drop/.test(name) || reply?.[1] === "5")
		return "bad";
	if (/defer|retry|wait|hold/.test(name) || reply?.[1] === "4")
		return "warn";
	return /deliver|sent|done|stored|kept/.test(name) ? "ok" : "";
}

// key=value key="a value" ...: the fields of an event
export function fieldsOf(detail) {
	return Object.fromEntries([...String(detail || "").matchAll(/([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(([, k, v]) => [k, v.startsWith('"') ? v.slice(1, -1).replace(/\\(["\\])/g, "$1") : v]));
}

// who said it, and how the connection was
const whose = (e) => [e.remote || e.host, e.ip, e.tls && (e.tls === "none" ? "not encrypted" : e.tls)].filter(Boolean).join(" · ");

function Step({ r, before }) {
	const e = fieldsOf(r.detail);
	return html`<p class="soft small row"><time datetime=${new Date(Number(r.time) * 1000).toISOString()} title=${f.exactly(r.time)}>${f.date(r.time)}, ${f.time(r.time)}</time>
			${before && Number(r.time) > Number(before.time) && html`<span>${f.span(Number(r.time) - Number(before.time))} later</span>`}
			${r.program && html`<${Badge} word=${r.program} plain=${true} mood="" />`}<span>${r.event}</span></p>
		<p class="what">${r.words}</p>
		${e.reply && html`<p class="soft small">${whose(e) || "The answer"}</p><pre>${e.reply}</pre>`}
		${r.detail && (e.reply ? html`<details><summary class="soft small">All that was noted</summary><pre>${r.detail}</pre></details>` : html`<pre>${r.detail}</pre>`)}`;
}

export default function Story({ id }) {
	const ask = useAsk("trace show", { id });
	const back = isPerson() ? "mine" : "trace";
	return html`<${Head} title="Story of a message" text=${id} crumbs=${html`<a href=${link(back)}>${isPerson() ? "My mail" : "Trace"}</a>`} />
		<${Answer} ask=${ask}>${(said) => {
			const rows = Array.isArray(said) ? said : [said], text = rows.map((r) => [f.when(r.time), r.program, r.words, r.detail].filter(Boolean).join("  ")).join("\n");
			return html`<${Card} title=${f.plural(rows.length, "step")} pad=${false} tools=${html`<${Copy} text=${text} what="The story" />`}>
				${!rows.length ? html`<${Empty} icon="trace" title="Nothing is known of it"><p>It may be older than what is kept.</p><//>` : html`<ol class="story">${rows.map((r, i) => html`<li key=${i} class=${mood(r)}><${Step} r=${r} before=${rows[i - 1]} /></li>`)}</ol>`}<//>`;
		}}<//>`;
}
