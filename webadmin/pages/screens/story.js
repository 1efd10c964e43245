// SPDX-License-Identifier: ISC
// story.js: one message from its arrival to its last recipient, each step with the exact reply.
import { html } from "../lib/dom.js";
import { isPerson } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Copy, Badge } from "../parts/all.js";

function mood(e) {
	const reply = /(?:^|\s)([245])\d\d[ -]/.exec(e.detail || ""), name = String(e.event || "").toLowerCase();
	if (/fail|bounce|reject|refus|damage|expire|drop/.test(name) || reply?.[1] === "5")
		return "bad";
	if (/defer|retry|wait|hold/.test(name) || reply?.[1] === "4")
		return "warn";
	return /deliver|sent|done|stored|kept/.test(name) ? "ok" : "";
}

export default function Story({ id }) {
	const ask = useAsk("trace show", { id });
	const back = isPerson() ? "mine" : "trace";
	return html`<${Head} title="Story of a message" text=${id} crumbs=${html`<a href=${link(back)}>${isPerson() ? "My mail" : "Trace"}</a>`} />
		<${Answer} ask=${ask}>${(said) => {
			const rows = Array.isArray(said) ? said : [said], text = rows.map((r) => [f.when(r.time), r.program, r.words, r.detail].filter(Boolean).join("  ")).join("\n");
			return html`<${Card} title=${f.plural(rows.length, "step")} pad=${false} tools=${html`<${Copy} text=${text} what="The story" />`}>
				${!rows.length ? html`<${Empty} icon="trace" title="Nothing is known of it"><p>It may be older than what is kept.</p><//>` : html`<ol class="story">${rows.map((r, i) => html`<li key=${i} class=${mood(r)}>
					<p class="soft small row"><time datetime=${new Date(Number(r.time) * 1000).toISOString()} title=${f.exactly(r.time)}>${f.date(r.time)}, ${f.time(r.time)}</time>
						${i > 0 && Number(r.time) > Number(rows[i - 1].time) && html`<span>${f.span(Number(r.time) - Number(rows[i - 1].time))} later</span>`}
						${r.program && html`<${Badge} word=${r.program} plain=${true} mood="" />`}<span>${r.event}</span></p>
					<p class="what">${r.words}</p>${r.detail && html`<pre>${r.detail}</pre>`}</li>`)}</ol>`}<//>`;
		}}<//>`;
}
