// SPDX-License-Identifier: ISC
// suppressed.js: addresses outside to which nothing is sent for some time.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { usePaged } from "../lib/paged.js";
import { change } from "../lib/api.js";
import { Card, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Search, Problem, Wait, Soft } from "../parts/all.js";

const CLASSES = { admin: "by hand", invalid: "no such mailbox", complaint: "a complaint" };

export function Suppressed() {
	const [text, setText] = useState(""), [dialog, open] = useDialog(), ask = usePaged("suppression list", {}, "address", text);
	const add = () => open((close) => html`<${VerbDialog} verb="suppression add" title="Suppress an address" text="Mail to it fails at once, and its sender is told, until the time is over." button="Suppress" done=${(a) => `Nothing is sent to ${a.address}`} onClose=${close} onDone=${ask.reload}
		fields=${{ address: { placeholder: "name@example.net" }, sender: { label: "Only mail of senders in", placeholder: "example.org", hint: "A domain of this host; empty: of everybody." }, time: { label: "How long", placeholder: "7d", hint: "Like 30m, 2h or 3d; empty: as the setting queue.suppress says." }, comment: { label: "Why", hint: "It stands in the report to whoever writes to this address." } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Send to ${r.address} again?`} button="Send again" danger=${false} act=${() => change("suppression remove", { address: r.address, ...(r.sender ? { sender: r.sender } : {}) })} done=${`Mail to ${r.address} is tried again`} onClose=${close} onDone=${ask.reload}><p>The next message to it is tried. If its server says again that there is no such mailbox, it comes back to this list.</p><//>`);
	const button = can("suppression add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />Suppress an address</button>`;
	return html`<${Card} label="Suppressed addresses" pad=${false}><div class="filters"><${Search} label="Find an address" value=${text} onInput=${setText} />${button && html`<span class="fix end">${button}</span>`}</div>
		${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="Suppressed addresses" rows=${ask.rows} rowKey=${(r) => `${r.address} ${r.sender}`} more=${ask.more}
			empty=${text ? html`<${Empty} icon="search" title="No such address"><p>Mail to it is tried as to any other.</p><//>` : html`<${Empty} icon="done" title="No address is suppressed"><p>An address comes here when its server says that there is no such mailbox, so that the servers of others are not asked in vain.</p><//>`}
			columns=${[{ key: "address", label: "Address", lead: true, cell: (r) => html`<span class="main"><${Soft} text=${r.address} /></span>${r.sender && html`<br /><span class="small soft">only mail from ${r.sender}</span>`}` }, { key: "class", label: "Because", cell: (r) => CLASSES[r.class] || r.class }, { key: "reply", label: "What was said", cls: "wide" },
				{ key: "age", label: "Since", kind: "age" }, { key: "left", label: "For another", kind: "age" }]}
			actions=${can("suppression remove") && ((r) => html`<button type="button" class="mini" aria-label=${`Send to ${r.address} again`} onClick=${() => remove(r)}>Send again</button>`)} />`}<//>${dialog}`;
}
