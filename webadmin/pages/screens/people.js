// SPDX-License-Identifier: ISC
// people.js: the accounts, searched by the server; a new one with a password or a hand-out link.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { usePaged } from "../lib/paged.js";
import { link, go } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Empty, Icon, Table, VerbDialog, useDialog, Search, Problem, Wait, Soft } from "../parts/all.js";

export const Roles = ({ roles }) => f.list(roles).map((r) => html`<${Badge} key=${r} word=${r} mood="info" plain=${true} /> `);

export function PeopleTable({ domain }) {
	const [text, setText] = useState(""), [dialog, open] = useDialog();
	const ask = usePaged("user list", domain ? { domain } : {}, "address", text);
	const add = () => open((close) => html`<${VerbDialog} verb="user add" title="New person" button="Make the account" done=${(a) => `${a.address} was made`} onClose=${close}
		text=${can("user invite") ? "Without a password nobody can log in; on the person's page you get a hand-out link with which they choose their own." : ""}
		onDone=${(a) => go("person", a.address)} initial=${{ active: true }} fields=${{ address: { placeholder: `name@${domain || "example.org"}` }, active: { skip: true }, expires: { skip: true }, quota_messages: { skip: true }, shared: { label: "A mailbox of several people", hint: "Without a password: its owners have app passwords of their own." }, password: { invent: true } }} />`);
	const button = can("user add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />New person</button>`;
	return html`<${Card} title=${domain ? "People" : ""} label="People" pad=${false} tools=${domain && button}>
		<div class="filters"><${Search} label="Find a person" hint="Name or address" value=${text} onInput=${setText} />${!domain && html`<span class="fix end">${button}</span>`}</div>
		${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="People" rows=${ask.rows} more=${ask.more} rowKey=${(r) => r.address}
			empty=${text ? html`<${Empty} icon="search" title="Nobody found"><p>No address or name has “${text}”.</p><//>` : html`<${Empty} icon="people" title="Nobody here yet"><p>Make the first account; it can get mail at once.</p>${button}<//>`}
			columns=${[{ key: "address", label: "Address", lead: true, cell: (r) => html`<a class="main" href=${link("person", r.address)}><${Soft} text=${r.address} /></a>` }, { key: "name", label: "Name" },
				{ key: "active", label: "State", cell: (r) => html`<${Badge} word=${r.state || (f.yes(r.active) ? "active" : "suspended")} mood=${f.yes(r.active) && r.state !== "expired" ? "ok" : "warn"} />` },
				{ key: "roles", label: "Roles", cell: (r) => (r.roles ? html`<${Roles} roles=${r.roles} />` : html`<span class="soft">–</span>`) },
				{ key: "quota", label: "Quota", kind: "size", cell: (r) => (Number(r.quota) ? f.bytes(r.quota) : html`<span class="soft">default</span>`) }]} />`}<//>${dialog}`;
}

export default function People() {
	return html`<${Head} title="People" text="Everyone with a mailbox here." /><${PeopleTable} />`;
}
