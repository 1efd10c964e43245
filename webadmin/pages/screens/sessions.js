// SPDX-License-Identifier: ISC
// sessions.js: every connection of mail programs and servers, and every login of this page, in one list; end one, or all
// of a person.
import { html, useState, useMemo } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import { change } from "../lib/api.js";
import { Head, Card, Answer, Empty, Table, Confirm, useDialog, Badge, Soft } from "../parts/all.js";
import { Device, serviceOf, stateOf, isWeb } from "../parts/session.js";

const KINDS = [["", "All sessions"], ["mail", "Mail programs"], ["web", "Web page"], ["new", "Not logged in"]];
const kindOf = (r) => (!r.user ? "new" : isWeb(r) ? "web" : "mail");
const again = (r) => (isWeb(r) ? "Whoever uses it must sign in again." : "A mail program connects again by itself while its password is right.");

function User({ row }) {
	if (!row.user)
		return html`<span class="soft">not logged in</span>`;
	return can("user show") ? html`<a class="main" href=${link("person", row.user)}><${Soft} text=${row.user} /></a>` : html`<span class="main"><${Soft} text=${row.user} /></span>`;
}

function List({ rows, reload, open }) {
	const [kind, setKind] = useState("");
	const shown = useMemo(() => (kind ? rows.filter((r) => kindOf(r) === kind) : rows), [rows, kind]);
	const of = useMemo(() => rows.reduce((n, r) => n.set(r.user, (n.get(r.user) || 0) + 1), new Map()), [rows]);
	const ask = (title, button, args, words) => open((close) => html`<${Confirm} title=${title} button=${button} act=${() => change("session kick", args)} done="Ended" onClose=${close} onDone=${reload}><p>${words}</p><//>`);
	const end = (r) => ask(`End this ${isWeb(r) ? "login of the page" : `${serviceOf(r)} connection`}?`, "End it", { id: r.id }, `${r.user || "Somebody"} from ${r.peer}. ${again(r)}`);
	const all = (r) => ask(`End all sessions of ${r.user}?`, "End all", { user: r.user }, `${of.get(r.user)} sessions, of mail programs and of this page. Who has the password comes back: to keep somebody out, suspend the account or set another password.`);
	return html`<${Table} label="Sessions" rows=${shown} rowKey=${(r) => r.id} find="Find a session" tools=${html`<select aria-label="Which sessions" value=${kind} onChange=${(e) => setKind(e.target.value)}>${KINDS.map(([v, text]) => html`<option key=${v} value=${v} selected=${v === kind}>${text}</option>`)}</select>`}
		empty=${html`<${Empty} icon="sessions" title=${kind ? "None of these" : "Nobody is connected"}><p>${kind ? "There are other sessions: choose All sessions." : "Mail programs, servers and logins of this page show up here while they last."}</p><//>`}
		columns=${[{ key: "user", label: "User", lead: true, cell: (r) => html`<${User} row=${r} />` }, { key: "service", label: "Service", cell: (r) => html`<span class="nowrap">${serviceOf(r)}</span>`, value: (r) => serviceOf(r) }, { key: "device", label: "Device", cls: "wide", cell: (r) => html`<${Device} row=${r} />` },
			{ key: "peer", label: "From" }, { key: "tls", label: "TLS", cell: (r) => html`<span class="nowrap">${r.tls || "–"}</span>` }, { key: "state", label: "State", cell: (r) => html`<${Badge} word=${stateOf(r)} mood="" />` }, { key: "seconds", label: "For", kind: "age" }]}
		actions=${can("session kick") && ((r) => html`${r.user && of.get(r.user) > 1 && html`<button type="button" class="mini" aria-label=${`End all sessions of ${r.user}`} onClick=${() => all(r)}>End all</button>`}
			<button type="button" class="mini" aria-label=${`End the ${r.service} session of ${r.user || r.peer}`} onClick=${() => end(r)}>End</button>`)} />`;
}

export default function Sessions() {
	const ask = useAsk("session list", {}, { every: 10 }), [dialog, open] = useDialog();
	return html`<${Head} title="Sessions" text="Who is connected now, with mail programs and by this page." />
		<${Card} label="Sessions" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${List} rows=${rows} reload=${ask.reload} open=${open} />`}<//><//>${dialog}`;
}
