// SPDX-License-Identifier: ISC
// reports.js: what is told about sending: to programs of the host's owner (webhooks, files of
// records), and what other servers report about their mail to us.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Card, Answer, Badge, Empty, Facts, Note, Table, Confirm, useDialog, Time } from "../parts/all.js";
import { TlsReports } from "./tlsreports.js";
import { showAnswer } from "./backups.js";

const settings = (section) => can("config list") && html`<p><a href=${`#/settings?find=${section}.`}>To its settings</a></p>`;

function Webhook() {
	const ask = useAsk("webhook list", {}, { every: 15 }), [dialog, open] = useDialog(), w = ask.data?.[0];
	const test = () => open((close) => html`<${Confirm} title="Post a test event?" button="Post it" danger=${false} act=${() => change("webhook test", {})} onClose=${close} onDone=${(said) => { ask.reload(); showAnswer(open, "The receiver took it", said); }}><p>An event named test goes to ${w.url} now, signed as the others are.</p><//>`);
	return html`<${Card} title="Webhook" tools=${w && html`<${Badge} word=${w.state} />${can("webhook test") && html`<button type="button" class="mini" onClick=${test}>Test</button>`}`}>
		<${Answer} ask=${ask}>${() => (!w ? html`<${Empty} icon="sending" title="No webhook"><p>A program of yours can be told of each message that was delivered, deferred, bounced or complained about.</p>${settings("webhook")}<//>`
			: html`<div class="stack tight">${w.words && html`<${Note} mood="warn">${f.plural(Number(w.failures), "failure")} in a row: ${w.words}<//>`}
				<${Facts} rows=${[["Posted to", html`<span class="mono small">${w.url}</span>`], ["Waiting", `${f.plural(Number(w.pending), "event")}`], Number(w.oldest) > 0 && ["The oldest is of", html`<${Time} at=${w.oldest} />`], ["Posted", f.count(w.posted)], ["Given up", f.count(w.given_up)]]} />${settings("webhook")}</div>`)}<//>${dialog}<//>`;
}

function Accounting() {
	const ask = useAsk("accounting list");
	return html`<${Card} title="Records" text="A line for each attempt, in files of a day each." pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Files of records" rows=${rows} page=${10} start=${{ key: "file", down: true }} rowKey=${(r) => r.file}
		empty=${html`<${Empty} icon="log" title="No records"><p>They begin when the setting accounting.format says csv or json; the files are in state/hooks on the host.</p>${settings("accounting")}<//>`}
		columns=${[{ key: "file", label: "File", lead: true, cell: (r) => html`<span class="mono small">${r.file}</span>` }, { key: "size", label: "Size", kind: "size" }]} />`}<//><//>`;
}

export const Reports = () => html`<div class="stack"><div class="grid">${can("webhook list") && html`<${Webhook} />`}${can("accounting list") && html`<${Accounting} />`}</div>${can("report list") && html`<${TlsReports} />`}</div>`;
