// SPDX-License-Identifier: ISC
// imports.js: moving in. Imports from another IMAP server begin here; those from files of this host
// begin on the host (a page may not name files there): the command is put together to be copied,
// first as a dry run that says whether UIDs are kept. All of them show their progress here.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Table, VerbForm, useDialog, Badge, Meter, Segments, Field, Code } from "../parts/all.js";
import { showAnswer } from "./backups.js";

const KINDS = [["imap", "Another IMAP server", "Asks the old server for everything, message by message; run again, it goes on where it stopped."],
	["maildir", "A Maildir", "Of Dovecot or Courier: UIDs, flags, keywords, subscriptions and POP3 ids are kept, so that mail programs fetch nothing again."],
	["mbox", "An mbox file", "One file becomes one folder."]];

function Jobs() {
	const ask = useAsk("import list", {}, { every: 3 });
	return html`<${Card} title="Imports" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Imports" rows=${rows} empty=${html`<${Empty} icon="imports" title="Nothing was imported yet"><p>Choose above where the mail comes from; its progress is shown here.</p><//>`}
		columns=${[{ key: "job", label: "Import", lead: true, cell: (r) => html`<span class="main">${r.what || r.job}</span>${r.source && html`<br /><span class="small soft">${r.source}</span>`}` }, { key: "address", label: "For", cls: "addr" }, { key: "state", label: "State", kind: "badge" },
			{ key: "taken", label: "Progress", cls: "wide", value: (r) => f.toNumber(r.taken), cell: (r) => html`<span class="small">${f.count(r.taken)}${Number(r.total) ? ` of ${f.count(r.total)}` : ""}</span>${Number(r.total) > 0 && html`<${Meter} part=${Number(r.taken) / Number(r.total)} label=${`Progress of ${r.job}`} />`}` },
			{ key: "words", label: "Now", cls: "wide" }]} />`}<//><//>`;
}

// a word as a shell takes it
const quote = (w) => (/^[\w@%+=:,./-]+$/.test(w) ? w : `'${w.replace(/'/g, "'\\''")}'`);

function OnHost({ kind }) {
	const [path, setPath] = useState(""), [address, setAddress] = useState("");
	const command = `mansio import ${kind} ${quote(path || (kind === "mbox" ? "/srv/old/mail.mbox" : "/srv/old/Maildir"))} ${quote(address || "anna@example.org")}`;
	return html`<div class="form narrow">
		<${Field} field=${{ name: "path", label: kind === "mbox" ? "File on the host" : "Folder on the host", quiet: true }} value=${path} onInput=${setPath} />
		<${Field} field=${{ name: "address", label: "Whose mailbox", quiet: true }} value=${address} onInput=${setAddress} />
		<div class="field"><span>First try it on the host: it says what would be done, and whether UIDs are kept.</span><${Code} text=${command + " --dry-run"} what="Command" /></div>
		<div class="field"><span>Then do it.</span><${Code} text=${command} what="Command" /></div></div>`;
}

export default function Imports() {
	const kinds = KINDS.filter(([k]) => k !== "imap" || can("import imap")), [kind, setKind] = useState(kinds[0][0]), [dialog, open] = useDialog(), [turn, setTurn] = useState(0);
	const [, title, text] = kinds.find(([k]) => k === kind);
	return html`<${Head} title="Import" text="Mail from the old server." />
		<div class="stack"><div><${Segments} label="Where from" value=${kind} choices=${kinds.map(([k, t]) => [k, t])} onPick=${setKind} /></div>
			<${Card} title=${title} text=${text}>${can("import " + kind) ? html`<${VerbForm} key=${kind} narrow=${true} verb=${"import " + kind} button="Begin" fields=${{ host: { label: "Host name of the old server" }, address: { label: "Whose mailbox here" }, folder: { label: "Folders", hint: "One a line; empty: all." }, user: { label: "Login name there", hint: "Empty: the same address." },
				security: { label: "Encryption", choices: [["", "TLS from the first byte (993)"], ["starttls", "STARTTLS (143)"]] }, login: { label: "The secret is", choices: [["", "a password"], ["xoauth2", "a token (XOAUTH2)"]] }, wait: { skip: true }, password: { label: "Password at the old server", invent: false, autocomplete: "off" } }}
				onDone=${(a, said) => { setTurn(turn + 1); showAnswer(open, "Import", said); }} />` : html`<${OnHost} key=${kind} kind=${kind} />`}<//>
			${can("import list") && html`<${Jobs} key=${turn} />`}</div>${dialog}`;
}
