// SPDX-License-Identifier: ISC
// admins.js: who has a role: everything (admin), or one domain (admin@example.org).
import { html } from "../lib/dom.js";
import { can, session } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import { change } from "../lib/api.js";
import { Head, Card, Answer, Empty, Icon, Table, VerbDialog, Confirm, useDialog } from "../parts/all.js";
import { Roles } from "./people.js";

export default function Admins() {
	const ask = useAsk("user list", can("user list", "limit") ? { limit: 0 } : {}), [dialog, open] = useDialog();
	const give = () => open((close) => html`<${VerbDialog} verb="user change" title="Give a role" button="Give" done=${(a) => `${a.address} has the role`} onClose=${close} onDone=${ask.reload} initial=${{ roles: "admin" }}
		fields=${{ name: { skip: true }, quota: { skip: true }, quota_messages: { skip: true }, active: { skip: true }, roles: { needed: true } }} />`);
	const take = (r) => open((close) => html`<${Confirm} title=${`Take all roles from ${r.address}?`} button="Take the roles" act=${() => change("user change", { address: r.address, roles: "" })} done=${`${r.address} has no role any more`} onClose=${close} onDone=${ask.reload}>
		<p>The account stays; its owner sees their own page only.${r.address === session.me.address ? " This is your own account: you lose your rights at once." : ""}</p><//>`);
	const button = can("user change") && html`<button type="button" class="primary" onClick=${give}><${Icon} name="plus" />Give a role</button>`;
	return html`<${Head} title="Administrators" text="Accounts that may do more than look after their own mailbox.">${button}<//>
		<${Card} label="Administrators" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Administrators" rows=${rows.filter((r) => r.roles)} rowKey=${(r) => r.address} empty=${html`<${Empty} icon="admins" title="Nobody has a role">${button}<//>`}
			columns=${[{ key: "address", label: "Address", lead: true, cell: (r) => html`<a class="main" href=${link("person", r.address)}>${r.address}</a>` }, { key: "name", label: "Name" }, { key: "roles", label: "Roles", cell: (r) => html`<${Roles} roles=${r.roles} />` }]}
			actions=${can("user change") && ((r) => html`<button type="button" class="mini" aria-label=${`Take the roles from ${r.address}`} onClick=${() => take(r)}>Take away</button>`)} />`}<//><//>${dialog}`;
}
