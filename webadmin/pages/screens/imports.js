// SPDX-License-Identifier: ISC
// imports.js: moving in: from a Maildir, an mbox or another IMAP server; first as a dry run that
// says what would come over and whether UIDs are kept; then with its progress.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Table, VerbForm, useDialog, Badge, Meter, Segments } from "../parts/all.js";
import { showAnswer } from "./backups.js";

const KINDS = [["imap", "Another IMAP server", "Asks the old server for everything, message by message; goes on where it stopped when it is run again."],
	["maildir", "A Maildir on this host", "Of Dovecot or Courier: UIDs, flags, keywords, subscriptions and POP3 ids are kept, so that mail programs fetch nothing again."],
	["mbox", "An mbox file on this host", "One file a folder."]];

function Jobs() {
	const ask = useAsk("import list", {}, { every: 3 });
	return html`<${Card} title="Imports" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Imports" rows=${rows} empty=${html`<${Empty} icon="imports" title="Nothing was imported yet"><p>Choose above where the mail comes from.</p><//>`}
		columns=${[{ key: "job", label: "Import", lead: true, cell: (r) => html`<span class="main">${r.job}</span>` }, { key: "state", label: "State", kind: "badge" },
			{ key: "done", label: "Progress", cls: "wide", value: (r) => f.toNumber(r.done), cell: (r) => html`<span class="small">${f.count(r.done)}${Number(r.total) ? ` of ${f.count(r.total)}` : ""}</span>${Number(r.total) > 0 && html`<${Meter} part=${Number(r.done) / Number(r.total)} label=${`Progress of ${r.job}`} />`}` },
			{ key: "words", label: "Now", cls: "wide" }]} />`}<//><//>`;
}

export default function Imports({ query }) {
	const kinds = KINDS.filter(([k]) => can("import " + k)), [kind, setKind] = useState(query.kind || kinds[0][0]), [dialog, open] = useDialog(), [turn, setTurn] = useState(0);
	const [, title, text] = kinds.find(([k]) => k === kind) || kinds[0];
	return html`<${Head} title="Import" text="Mail and accounts from the old server." />
		<div class="stack"><div><${Segments} label="Where from" value=${kind} choices=${kinds.map(([k, t]) => [k, t])} onPick=${setKind} /></div>
			<${Card} title=${title} text=${text}><${VerbForm} key=${kind} narrow=${true} fields=${{ password: { label: "Password at the old server", invent: false, autocomplete: "off" } }} verb=${"import " + kind} button="Begin" onDone=${(a, said) => { setTurn(turn + 1); showAnswer(open, "Import", said); }} /><//>
			${can("import list") && html`<${Jobs} key=${turn} />`}</div>${dialog}`;
}
