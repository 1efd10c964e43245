// SPDX-License-Identifier: ISC
// about.js: what this is, the keys of the page, and every verb that the asker may use by the API.
import { html } from "../lib/dom.js";
import { session } from "../lib/session.js";
import { Head, Card, Facts, Table, Badge, Empty } from "../parts/all.js";

const EFFECT = { read: "reads", change: "changes" };

export default function About() {
	const verbs = [...session.verbs].map(([name, v]) => ({ name, effect: EFFECT[String(v.effect).toLowerCase()] || String(v.effect), text: v.text || "", args: v.args.map((a) => a.name).join(" ") }));
	return html`<${Head} title="About Mansio" text="A mail server suite: SMTP, submission, IMAP and POP3, with this page." />
		<div class="stack"><div class="grid even">
			<${Card} title="This page"><${Facts} rows=${[["Host", location.host], ["You", session.me.address], ["Licence", "ISC. It contains Preact (MIT), htm (Apache 2.0) and uPlot (MIT)."], ["Command", html`Whatever is done here can be done with <code>mansio</code> on the host.`]]} /><//>
			<${Card} title="Keys"><${Facts} rows=${[[html`<kbd>/</kbd>`, "to the search of a screen"], [html`<kbd>Esc</kbd>`, "closes a dialog or the menu"], [html`<kbd>Tab</kbd>`, "to the next link, field or button"], [html`<kbd>Enter</kbd>`, "does it"]]} /><//></div>
			<${Card} title="API" text=${`What you may do by https://${location.host}/api/v1/, with this login or a token.`} pad=${false}><${Table} label="Verbs of the API" rows=${verbs} find="Find a verb" empty=${html`<${Empty} title="None" />`} page=${20}
				columns=${[{ key: "name", label: "Verb", lead: true, cell: (r) => html`<code class="main">${r.name}</code>` }, { key: "effect", label: "It", cell: (r) => html`<${Badge} word=${r.effect} plain=${true} mood=${r.effect === "reads" ? "" : "info"} />` }, { key: "text", label: "What it does", cls: "wide" }, { key: "args", label: "Arguments", cls: "wide" }]} /><//></div>`;
}
