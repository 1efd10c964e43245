// SPDX-License-Identifier: ISC
// audit.js: who changed what, from where, and whether it was done or refused.
import { html } from "../lib/dom.js";
import { useAsk } from "../lib/ask.js";
import { can } from "../lib/session.js";
import { Head, Card, Answer, Empty, Table, Badge } from "../parts/all.js";

const done = (r) => (Number(r.code) === 0 ? html`<${Badge} word="done" />` : Number(r.code) === 77 ? html`<${Badge} word="refused" />` : html`<${Badge} word=${`failed, ${r.code}`} mood="warn" />`);

export default function Audit() {
	const ask = useAsk("audit list", can("audit list", "limit") ? { limit: 10000 } : {});
	return html`<${Head} title="Audit log" text="Each change that was asked for through the page, the API and the command." />
		<${Card} label="Audit log" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Audit log" rows=${rows} find="Find in the audit log" start=${{ key: "time", down: true }} empty=${html`<${Empty} icon="audit" title="Nothing was changed yet"><p>The next change shows up here.</p><//>`}
			columns=${[{ key: "verb", label: "What", lead: true, cell: (r) => html`<span class="main">${r.verb}</span>` }, { key: "time", label: "When", kind: "time" }, { key: "who", label: "Who", cls: "addr" }, { key: "from", label: "From" }, { key: "peer", label: "From" }, { key: "args", label: "With", cls: "wide" }, { key: "code", label: "Answer", cell: done }]} />`}<//><//>`;
}
