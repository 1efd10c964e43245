// SPDX-License-Identifier: ISC
// routes.js: which way mail to a domain leaves when it is not the usual one. A password goes in, and
// is never shown again.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { usePaged } from "../lib/paged.js";
import { change } from "../lib/api.js";
import { Card, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Search, Problem, Wait, Soft } from "../parts/all.js";

const TLS = [["default", "As the other side publishes, else if it is offered"], ["verify", "Only with a trusted certificate of that name"], ["encrypt", "Only encrypted, whoever answers"], ["may", "If it is offered"], ["none", "None: in clear"]];
const START = [["auto", "As its port says (465: from the first byte)"], ["starttls", "STARTTLS"], ["implicit", "From the first byte"]];
const MECH = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "XOAUTH2"];
const shortTls = { default: "as published", verify: "verified", encrypt: "encrypted", may: "if offered", none: "none" };

// what is not chosen is not said, so that a login brings its own defaults
const choices = (isNew, all) => (isNew ? [["", all[0][1]], ...all.slice(1)] : all);
const fields = (isNew) => ({
	to: { label: "Mail to", placeholder: "example.net", hint: "A domain; .example.net: all below it; *: all that no other route names." },
	sender_domain: { label: "Only of senders in", placeholder: "example.org" },
	host: { label: "Goes to this server", placeholder: "relay.example.net:587", hint: "Empty: to the servers that its MX records name." },
	tls: { label: "Encryption", quiet: true, choices: choices(isNew, isNew ? [["", "As the other side publishes; with a login only verified"], ...TLS.slice(1)] : TLS) },
	start: { label: "Encryption begins", quiet: true, choices: choices(isNew, START) },
	username: { hint: "Empty: no login." },
	password: { label: "Password there", invent: false, autocomplete: "off", hint: isNew ? undefined : "Empty: it stays as it is." },
	mech: { label: "Login by", quiet: true, choices: choices(isNew, [["auto", "The best that both know"], ...MECH.map((m) => [m, m])]) },
	source: { label: "Sent from these addresses of this host", placeholder: "192.0.2.1, 2001:db8::1" },
});
const serverOf = (r) => (r.host ? `${String(r.host).includes(":") ? `[${r.host}]` : r.host}${r.port ? ":" + r.port : ""}` : "");
const keyOf = (r) => ({ to: r.to, ...(r.sender_domain ? { sender_domain: r.sender_domain } : {}) });

export function Routes() {
	const [text, setText] = useState(""), [dialog, open] = useDialog(), ask = usePaged("route list", {}, "to", text);
	const add = () => open((close) => html`<${VerbDialog} verb="route add" title="New route" text="Mail to this domain leaves by another way than all other mail." fields=${fields(true)} button="Make the route" done=${(a) => `The route for ${a.to} was made`} onClose=${close} onDone=${ask.reload} />`);
	const edit = (r) => open((close) => html`<${VerbDialog} verb="route change" title=${`Route for ${r.to}`} fixed=${keyOf(r)} changes=${true} initial=${{ ...r, host: serverOf(r), password: "" }} fields=${{ ...fields(false), sender_domain: { skip: true } }} button="Save" done="Saved" onClose=${close} onDone=${ask.reload} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the route for ${r.to}?`} button="Remove" act=${() => change("route remove", keyOf(r))} done=${`The route for ${r.to} is gone`} onClose=${close} onDone=${ask.reload}><p>Mail to it takes the usual way from then on, that which waits, too.</p><//>`);
	const button = can("route add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />New route</button>`;
	return html`<${Card} label="Routes" pad=${false}><div class="filters"><${Search} label="Find a route" value=${text} onInput=${setText} />${button && html`<span class="fix end">${button}</span>`}</div>
		${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="Routes" rows=${ask.rows} rowKey=${(r) => `${r.to} ${r.sender_domain}`} more=${ask.more}
			empty=${text ? html`<${Empty} icon="search" title="No route fits" />` : html`<${Empty} icon="sending" title="No route"><p>All mail takes the usual way. A route sends mail to one domain to another server, with its own encryption and login, or from other addresses of this host.</p><//>`}
			columns=${[{ key: "to", label: "Mail to", lead: true, cell: (r) => html`<span class="main"><${Soft} text=${r.to === "*" ? "* (all other)" : r.to} /></span>${r.sender_domain && html`<br /><span class="small soft">of senders in ${r.sender_domain}</span>`}` },
				{ key: "host", label: "Goes to", cls: "addr", cell: (r) => (r.host ? html`<${Soft} text=${serverOf(r)} />` : html`<span class="soft">by MX</span>`) }, { key: "tls", label: "Encryption", cell: (r) => shortTls[r.tls] || r.tls },
				{ key: "username", label: "Login", cls: "addr", cell: (r) => (r.username ? html`<${Soft} text=${r.username} />${r.mech && r.mech !== "auto" && html`<br /><span class="small soft">${r.mech}</span>`}` : html`<span class="soft">none</span>`) },
				{ key: "source", label: "From", cls: "addr" }, { key: "comment", label: "Comment", cls: "wide" }]}
			actions=${(can("route change") || can("route remove")) && ((r) => html`${can("route change") && html`<button type="button" class="mini" aria-label=${`Change the route for ${r.to}`} onClick=${() => edit(r)}>Change</button>`}
				${can("route remove") && html`<button type="button" class="mini danger" aria-label=${`Remove the route for ${r.to}`} onClick=${() => remove(r)}>Remove</button>`}`)} />`}<//>${dialog}`;
}
