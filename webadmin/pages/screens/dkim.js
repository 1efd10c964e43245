// SPDX-License-Identifier: ISC
// dkim.js: the keys that sign the mail of a domain (DKIM): in which state each is, the record that
// the DNS must show, new keys beside the old ones, and away with one.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Card, Answer, Badge, Copy, Empty, Icon, Table, Confirm, useDialog, Time } from "../parts/all.js";

const STATES = { next: ["warn", "waits for the DNS"], active: ["ok", "signs"], old: ["", "signed before"] };

export function Dkim({ domain }) {
	const ask = useAsk("dkim list", { domain }), [dialog, open] = useDialog();
	const rotate = (first) => open((close) => html`<${Confirm} title=${first ? `Sign the mail of ${domain}?` : `New keys for ${domain}?`} button="Make new keys" danger=${false} act=${() => change("dkim rotate", { domain })} done="New keys were made: publish their records" onClose=${close} onDone=${ask.reload}>
		<p>Two keys are made, RSA and Ed25519. ${first ? "They sign from then on: publish their records at once." : "Publish their records; they sign once the DNS shows them. The keys of today go on meanwhile, and stay valid for what was signed with them."}</p><//>`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the key ${r.selector}?`} button="Remove" act=${() => change("dkim remove", { domain, selector: r.selector })} done=${`The key ${r.selector} is gone`} onClose=${close} onDone=${ask.reload}>
		<p>${r.state === "active" ? "It signs the mail of this domain now. Without any key its mail is not signed." : "It does not sign."} Its record may be taken out of the DNS a few days later, when nothing that it signed is on its way any more.</p><//>`);
	return html`<${Card} title="Signing keys (DKIM)" pad=${false} text="Mail of this domain is signed with these, and the records show others that it is genuine." tools=${can("dkim rotate") && ask.data?.length > 0 && html`<button type="button" class="mini" onClick=${() => rotate(false)}>New keys</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Signing keys" rows=${rows} rowKey=${(r) => r.selector} empty=${html`<${Empty} icon="certs" title="Mail of this domain is not signed"><p>Many servers take unsigned mail for spam.</p>${can("dkim rotate") && html`<button type="button" class="primary" onClick=${() => rotate(true)}><${Icon} name="plus" />Make keys</button>`}<//>`}
			columns=${[{ key: "selector", label: "Key", lead: true, cell: (r) => html`<span class="main">${r.selector}</span><br /><span class="small soft">${r.algorithm}</span>` }, { key: "state", label: "State", cell: (r) => html`<${Badge} mood=${STATES[r.state]?.[0] ?? ""} word=${STATES[r.state]?.[1] || r.state} /><br /><span class="small soft">since <${Time} at=${r.since} /></span>` },
				{ key: "name", label: "TXT record", cls: "addr", cell: (r) => html`<span class="code"><span class="mono small">${r.name}</span><${Copy} text=${String(r.name)} what=${`Name of ${r.selector}`} /></span>` },
				{ key: "value", label: "Its value", cls: "wide", cell: (r) => html`<span class="code"><span class="mono small key">${r.value}</span><${Copy} text=${String(r.value)} what=${`Value of ${r.selector}`} /></span>` }]}
			actions=${can("dkim remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Remove the key ${r.selector}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//>${dialog}<//>`;
}
