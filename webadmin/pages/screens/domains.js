// SPDX-License-Identifier: ISC
// domains.js: the mail domains of this host.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link, go } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Answer, Empty, Icon, Table, VerbDialog, useDialog } from "../parts/all.js";

export default function Domains() {
	const ask = useAsk("domain list"), [dialog, open] = useDialog();
	const add = () => open((close) => html`<${VerbDialog} verb="domain add" title="New domain" text="Mail for it is taken as soon as it exists and its records are published; its page says which." button="Make the domain"
		done=${(a) => `${a.domain} was made`} onClose=${close} onDone=${(a) => go("domain", a.domain)} />`);
	const button = can("domain add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />New domain</button>`;
	return html`<${Head} title="Domains" text="The domains whose mail is kept here.">${button}<//>
		<${Card} label="Domains" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Domains" rows=${rows} find="Find a domain" rowKey=${(r) => r.domain}
			empty=${html`<${Empty} icon="domains" title="No domain yet"><p>A domain comes first; then people and aliases in it.</p>${button}<//>`}
			columns=${[{ key: "domain", label: "Domain", lead: true, cell: (r) => html`<a class="main" href=${link("domain", r.domain)}>${r.domain}</a>` },
				{ key: "active", label: "State", cell: (r) => html`<${Badge} word=${f.yes(r.active) ? "active" : "off"} mood=${f.yes(r.active) ? "ok" : "warn"} />` },
				{ key: "users", label: "People", kind: "number" }, { key: "aliases", label: "Aliases", kind: "number" },
				{ key: "catchall", label: "Catch-all" }]} />`}<//><//>${dialog}`;
}
