// SPDX-License-Identifier: ISC
// tokens.js: keys for programs that use the API; the secret is shown once, when it is made.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Icon, Table, VerbDialog, Confirm, Dialog, Code, useDialog, Time } from "../parts/all.js";

const secretOf = (said) => said?.token || said?.secret || Object.values(said || {}).find((v) => String(v).length > 24) || "";

export default function Tokens() {
	const ask = useAsk("token list"), [dialog, open] = useDialog();
	const show = (said) => setTimeout(() => open((close) => html`<${Dialog} title="Copy the token now" onClose=${close}><p>It is shown this once; only its hash is kept.</p><div class="secret"><${Code} text=${secretOf(said)} what="Token" /></div>
		<p class="soft small">It is sent as the header <code>Authorization: Bearer …</code> to <code>https://${location.host}/api/v1/</code></p><//>`));
	const add = () => open((close) => html`<${VerbDialog} verb="token add" title="New token" button="Make the token" onClose=${close} onDone=${(a, said) => { ask.reload(); show(said); }}
		initial=${{ days: "365" }} fields=${{ label: { label: "What it is for", placeholder: "prometheus" }, role: { label: "Roles", hint: "One a line: metrics (the numbers alone), admin@example.org (one domain), admin (everything)." }, days: { label: "Days it is good", hint: "0: for ever." } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the token ${r.label || r.id}?`} button="Remove" act=${() => change("token remove", { id: r.id })} done="The token is gone" onClose=${close} onDone=${ask.reload}><p>The program that uses it is refused from then on.</p><//>`);
	const button = can("token add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />New token</button>`;
	return html`<${Head} title="Tokens" text="Keys for programs: monitoring, scripts, other systems.">${button}<//>
		<${Card} label="Tokens" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Tokens" rows=${rows} rowKey=${(r) => r.id} empty=${html`<${Empty} icon="tokens" title="No token yet"><p>A program logs in with a token instead of a password, with as few rights as it needs.</p>${button}<//>`}
			columns=${[{ key: "label", label: "Token", lead: true, cell: (r) => html`<span class="main">${r.label || r.id}</span>` }, { key: "roles", label: "Roles" }, { key: "since", label: "Made", kind: "time" },
				{ key: "expires", label: "Until", cell: (r) => (Number(r.expires) ? html`<${Time} at=${r.expires} />` : html`<span class="soft">for ever</span>`) }, { key: "last", label: "Last used", kind: "ago" }]}
			actions=${can("token remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Remove ${r.label || r.id}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}
