// SPDX-License-Identifier: ISC
// bans.js: networks whose logins are refused, because passwords are guessed from there or by hand; ban one, let one in.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import { Head, Card, Answer, Badge, Empty, Icon, Table, Time, VerbDialog, Confirm, useDialog } from "../parts/all.js";

const FIELDS = { network: { label: "Network", placeholder: "192.0.2.0/24", hint: "An address or a network, IPv4 or IPv6." }, time: { label: "How long", placeholder: "2d", hint: "Like 30m, 2h or 3d; empty: for ever, that is, until it is let in." }, comment: { label: "Why", hint: "Up to 63 bytes." } };

const Until = ({ row }) => (row.until ? html`<${Time} at=${row.until} relative=${true} />` : html`<span class="soft">for ever</span>`);
// open: who is known there is still looked at (docs/AUTH.md)
const Refused = ({ row }) => html`<${Badge} word=${row.door === "open" ? "logins" : "connections"} mood=${row.door === "open" ? "warn" : "bad"} plain=${true} />`;

export default function Bans() {
	const ask = useAsk("ban list", {}, { every: 10 }), [dialog, open] = useDialog();
	const add = () => open((close) => html`<${VerbDialog} verb="ban add" title="Ban a network" text="Whoever is there can neither log in nor connect to mail programs' ports and this page. Mail of other servers still comes in. Take care not to ban yourself." button="Ban" done=${(a) => `${a.network} is banned`} onClose=${close} onDone=${ask.reload} fields=${FIELDS} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Let ${r.network} in again?`} button="Let in" danger=${false} act=${() => change("ban remove", { network: r.network })} done=${`${r.network} may log in again`} onClose=${close} onDone=${ask.reload}><p>Who is there may log in at once. If passwords are guessed again, the ban comes back.</p><//>`);
	return html`<${Head} title="Banned networks" text="Who guesses passwords is kept out for some time.">${can("ban add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />Ban a network</button>`}<//>
		<${Card} label="Banned networks" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Banned networks" rows=${rows} rowKey=${(r) => r.network} find="Find a network" empty=${html`<${Empty} icon="done" title="No network is banned"><p>Networks come here by themselves after many failed logins, and leave when their time is over.</p><//>`}
			columns=${[{ key: "network", label: "Network", lead: true, cell: (r) => html`<span class="main">${r.network}</span>` }, { key: "reason", label: "Because", cls: "wide" }, { key: "count", label: "Tries", kind: "number" }, { key: "door", label: "Refused", cell: (r) => html`<${Refused} row=${r} />` },
				{ key: "since", label: "Since", kind: "time" }, { key: "until", label: "Until", cell: (r) => html`<${Until} row=${r} />` }]}
			actions=${can("ban remove") && ((r) => html`<button type="button" class="mini" aria-label=${`Let ${r.network} in again`} onClick=${() => remove(r)}>Let in</button>`)} />`}<//><//>${dialog}`;
}
