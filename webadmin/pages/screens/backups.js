// SPDX-License-Identifier: ISC
// backups.js: run one, see what is there, verify it, and get something back: a message, a folder,
// a person, all. What a restore may choose comes from the verb's own arguments.
import { html } from "../lib/dom.js";
import { can, argsOf } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Icon, Table, Confirm, VerbDialog, useDialog, Dialog, Badge, Facts } from "../parts/all.js";

const idOf = (verb, r) => {
	const a = argsOf(verb).find((x) => ["backup", "id"].includes(x.name));
	return a ? { [a.name]: "*+".includes(a.mark || "-") ? [r.id] : r.id } : {};
};

// what a verb said, whatever its shape
export function Said({ said }) {
	const rows = Array.isArray(said) ? said : said && typeof said === "object" ? [said] : [];
	if (typeof said === "string")
		return html`<pre>${said}</pre>`;
	if (rows.length === 1)
		return html`<${Facts} rows=${Object.entries(rows[0]).map(([k, v]) => [k.replace(/_/g, " "), /bytes|size/.test(k) ? f.bytes(v) : String(v)])} />`;
	return rows.length ? html`<div class="card"><${Table} label="Answer" rows=${rows} columns=${Object.keys(rows[0]).map((k) => ({ key: k, label: k.replace(/_/g, " "), kind: /bytes|size/.test(k) ? "size" : "text" }))} /></div>` : html`<p>Done; there is nothing more to say.</p>`;
}

export const showAnswer = (open, title, said) => setTimeout(() => open((close) => html`<${Dialog} title=${title} wide=${true} onClose=${close}><${Said} said=${said} /><div class="form"><div class="actions"><button type="button" class="primary" onClick=${close}>Close</button></div></div><//>`));

export default function Backups() {
	const ask = useAsk("backup list", {}, { every: 30 }), [dialog, open] = useDialog();
	const run = () => open((close) => html`<${Confirm} title="Back up now?" button="Back up" danger=${false} act=${() => change("backup run", {})} onClose=${close} onDone=${(said) => { ask.reload(); showAnswer(open, "The backup", said); }}><p>Only what is new since the last backup is written. Mail goes on meanwhile. A large first backup takes a while.</p><//>`);
	const verify = (r) => open((close) => html`<${Confirm} title=${`Verify ${r.id}?`} button="Verify" danger=${false} act=${() => change("backup verify", idOf("backup verify", r))} onClose=${close} onDone=${(said) => { ask.reload(); showAnswer(open, `Backup ${r.id}`, said); }}><p>Every file of it is read and compared with its checksum. A damaged file is named.</p><//>`);
	const restore = (r) => open((close) => html`<${VerbDialog} verb="backup restore" title=${`Restore from ${r.id}`} fixed=${idOf("backup restore", r)} button="Restore" onClose=${close} onDone=${(a, said) => showAnswer(open, "What was restored", said)}
		text="Name what is to come back. What is there already stays as it is. The whole host is restored on the host: mansio backup restore --all." fields=${{ all: { skip: true }, from: { skip: true }, state: { skip: true }, config: { skip: true }, in_place: { label: "Into the folders where the messages were, not into a folder Restored" }, address: { label: "Whose mailbox", needed: true }, user: { label: "Whose mailbox" }, folder: { label: "Folder", hint: "Empty: all folders." }, message: { label: "Message", hint: "UID, Message-ID or words of its subject; empty: all messages." } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the backup ${r.id}?`} button="Remove" act=${() => change("backup remove", idOf("backup remove", r))} done="The backup is gone" onClose=${close} onDone=${ask.reload}><p>What no other backup needs is freed on the disk.</p><//>`);
	const button = can("backup run") && html`<button type="button" class="primary" onClick=${run}><${Icon} name="backups" />Back up now</button>`;
	return html`<${Head} title="Backups" text="Consistent copies of mail, accounts, settings and queue.">${button}<//>
		${ask.error && can("config list") && html`<p class="right"><a href="#/settings?find=backup.">To the settings of backups</a></p>`}
		<${Card} label="Backups" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Backups" rows=${rows} start=${{ key: "time", down: true }} rowKey=${(r) => r.id}
			empty=${html`<${Empty} icon="backups" title="No backup yet"><p>Name a folder for backups under Settings (backup), on another disk if you can; then run the first.</p>${button}<//>`}
			columns=${[{ key: "id", label: "Backup", lead: true, cell: (r) => html`<span class="main">${r.id}</span>` }, { key: "time", label: "When", kind: "time" }, { key: "kind", label: "Kind" }, { key: "state", label: "State", cell: (r) => html`<${Badge} word=${r.state} />` },
				{ key: "mailboxes", label: "Mailboxes", kind: "number" }, { key: "messages", label: "Messages", kind: "number" }, { key: "bytes", label: "Holds", kind: "size" }, { key: "new_bytes", label: "New", kind: "size" }, { key: "words", label: "Note", cls: "wide" }]}
			actions=${(can("backup verify") || can("backup restore")) && ((r) => html`${can("backup verify") && html`<button type="button" class="mini" aria-label=${`Verify ${r.id}`} onClick=${() => verify(r)}>Verify</button>`}${can("backup restore") && html`<button type="button" class="mini" aria-label=${`Restore from ${r.id}`} onClick=${() => restore(r)}>Restore …</button>`}
				${can("backup remove") && html`<button type="button" class="mini danger" aria-label=${`Remove ${r.id}`} onClick=${() => remove(r)}>Remove</button>`}`)} />`}<//><//>${dialog}`;
}
