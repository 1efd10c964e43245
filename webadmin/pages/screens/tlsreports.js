// SPDX-License-Identifier: ISC
// tlsreports.js: reports about TLS between mail servers (RFC 8460): what others tell about the domains
// of this host, and what was counted here of theirs. One is opened to see each kind of failure.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Card, Answer, Badge, Empty, Facts, Table, Confirm, Dialog, useDialog, Soft } from "../parts/all.js";

const STATES = { received: ["", "received"], counting: ["info", "being counted"], waiting: ["warn", "waits to be sent"], sent: ["ok", "sent"], unwanted: ["", "nobody wants it"], "given up": ["bad", "given up"] };

function Report({ r, onClose }) {
	const ask = useAsk("report show", { id: r.id });
	return html`<${Dialog} wide=${true} title=${`${r.domain}, ${r.day}`} onClose=${onClose}>
		<${Facts} rows=${[["From", r.by === "others" ? r.organisation : "this host"], ["Connections", `${f.count(r.successes)} good, ${f.count(r.failures)} failed`], r.words && ["Note", r.words]]} />
		<${Answer} ask=${ask}>${(rows) => html`<div class="card"><${Table} label="Kinds of result" rows=${rows} empty=${html`<p class="none">It says nothing.</p>`} columns=${[{ key: "result", label: "Result", lead: true, cell: (x) => html`<${Badge} word=${x.result} mood=${x.result === "success" ? "ok" : "bad"} />` }, { key: "sessions", label: "Connections", kind: "number" },
			{ key: "policy", label: "Policy" }, { key: "mx", label: "Server", cls: "addr" }, { key: "ip", label: "Its address" }, { key: "from", label: "From" }, { key: "words", label: "Why", cls: "wide" }]} /></div>`}<//>
		<div class="form"><div class="actions"><button type="button" class="primary" onClick=${onClose}>Close</button></div></div><//>`;
}

export function TlsReports({ domain }) {
	const ask = useAsk("report list", domain ? { domain } : {}), [dialog, open] = useDialog();
	const send = (r) => open((close) => html`<${Confirm} title=${`Send the report to ${r.domain} now?`} button="Send now" danger=${false} act=${() => change("report send", { domain: r.domain })} done=${`The report to ${r.domain} is sent`} onClose=${close} onDone=${ask.reload}><p>What was counted since the last one is sent now, instead of after the end of the day.</p><//>`);
	return html`<${Card} title="Reports about TLS" text="How connections between mail servers were protected: what others saw when they sent to us, and what this host saw of theirs." pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Reports about TLS" rows=${rows} find=${rows.length > 8 && "Find a report"} rowKey=${(r) => r.id} page=${20}
		empty=${html`<${Empty} icon="certs" title="No report yet"><p>Other servers send one a day once the record _smtp._tls of ${domain || "a domain"} is in the DNS.</p><//>`}
		columns=${[{ key: "domain", label: domain ? "Report" : "About", lead: true, cell: (r) => html`<button type="button" class="link main" onClick=${() => open((close) => html`<${Report} r=${r} onClose=${close} />`)}><${Soft} text=${r.domain} />, ${r.day}</button>` }, { key: "organisation", label: "From", cls: "addr", cell: (r) => (r.by === "others" ? r.organisation || "–" : "this host") },
			{ key: "successes", label: "Good", kind: "number" }, { key: "failures", label: "Failed", kind: "number", cell: (r) => (Number(r.failures) ? html`<${Badge} mood="bad" word=${f.count(r.failures)} />` : "0") }, { key: "results", label: "Why", cls: "wide" },
			{ key: "state", label: "State", cell: (r) => html`<${Badge} mood=${STATES[r.state]?.[0] ?? ""} word=${STATES[r.state]?.[1] || r.state} />${r.words && html`<br /><span class="small soft">${r.words}</span>`}` }]}
		actions=${can("report send") && ((r) => ["counting", "waiting"].includes(r.state) && html`<button type="button" class="mini" aria-label=${`Send the report to ${r.domain} now`} onClick=${() => send(r)}>Send now</button>`)} />`}<//>${dialog}<//>`;
}
