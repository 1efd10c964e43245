// SPDX-License-Identifier: ISC
// sessions.js: every connection of mail programs and servers; end one, or all of a person.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import { change } from "../lib/api.js";
import { Head, Card, Answer, Empty, Table, Confirm, useDialog, Badge } from "../parts/all.js";

export default function Sessions() {
	const ask = useAsk("session list", {}, { every: 10 }), [dialog, open] = useDialog();
	const end = (r) => open((close) => html`<${Confirm} title=${`End this ${r.service} connection?`} button="End it" act=${() => change("session kick", { id: r.id })} done="Ended" onClose=${close} onDone=${ask.reload}><p>${r.user || "Somebody"} from ${r.peer}. A mail program connects again by itself while its password is right.</p><//>`);
	return html`<${Head} title="Sessions" text="Who is connected now." />
		<${Card} label="Sessions" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Sessions" rows=${rows} rowKey=${(r) => r.id} find="Find a session" empty=${html`<${Empty} icon="sessions" title="Nobody is connected"><p>Mail programs and servers show up here while they are connected.</p><//>`}
			columns=${[{ key: "user", label: "User", lead: true, cell: (r) => (r.user ? can("user show") ? html`<a class="main" href=${link("person", r.user)}>${r.user}</a>` : html`<span class="main">${r.user}</span>` : html`<span class="soft">not logged in</span>`) }, { key: "service", label: "Service" }, { key: "peer", label: "From" }, { key: "tls", label: "TLS" },
				{ key: "state", label: "State", cell: (r) => html`<${Badge} word=${r.state} mood="" />` }, { key: "seconds", label: "For", kind: "age" }]}
			actions=${can("session kick") && ((r) => html`<button type="button" class="mini" aria-label=${`End the ${r.service} session of ${r.user || r.peer}`} onClick=${() => end(r)}>End</button>`)} />`}<//><//>${dialog}`;
}
