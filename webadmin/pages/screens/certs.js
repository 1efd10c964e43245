// SPDX-License-Identifier: ISC
// certs.js: the certificate that each port really serves (it was asked), until when, from whom.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Facts, Note, Head, Card, Answer, Empty, Icon, Table, Confirm, useDialog, Badge, Copy, Time } from "../parts/all.js";

// what the authority (ACME) said last, and what comes next
function Authority() {
	const ask = useAsk("cert show", {}, { every: 20 }), a = ask.data;
	if (a?.state === "off")
		return html`<${Note}>Certificates are not ordered from an authority; ${can("config list") ? html`<a href="#/settings?find=acme.">the settings under acme</a>` : "the settings under acme"} say how that begins.<//>`;
	return !a ? null : html`<${Card} title="Certificates from an authority" tools=${html`<${Badge} word=${a.state} />`}><div class="stack tight">
		${a.fix && html`<${Note} mood="warn">${a.words}<br />${a.fix}<//>`}
		<${Facts} rows=${[["Names", a.names], !a.fix && a.words ? ["Now", a.words] : null, ["Good until", html`<${Time} at=${a.not_after} />`], ["Renewed at", html`<${Time} at=${a.renew_at} />`], ["Last try", html`<${Time} at=${a.last_try} />`], ["Next try", html`<${Time} at=${a.next_try} />`],
			["Authority", a.directory], ["Proof", a.challenge]]} /></div><//>`;
}

export default function Certs() {
	const ask = useAsk("cert list"), [dialog, open] = useDialog();
	const renew = () => open((close) => html`<${Confirm} title="Renew the certificates now?" button="Renew" danger=${false} act=${() => change("cert renew", {})} done=${(r) => r.words || "The renewal has begun"} onClose=${close} onDone=${ask.reload}>
		<p>New certificates are asked for; no session ends when they are put in place. Certificate authorities allow this only a few times a week.</p><//>`);
	const days = (r) => {
		const d = f.toNumber(r.days);
		return Number.isNaN(d) ? "–" : html`<${Badge} mood=${d < 7 ? "bad" : d < 21 ? "warn" : "ok"} word=${d < 0 ? "over" : f.plural(d, "day")} /><br /><span class="small soft"><${Time} at=${r.not_after} /></span>`;
	};
	return html`<${Head} title="Certificates" text="What each port serves when it is asked.">
			<button type="button" disabled=${ask.loading} onClick=${ask.reload}><${Icon} name="reload" />Ask again</button>${can("cert renew") && html`<button type="button" onClick=${renew}>Renew now</button>`}<//>
		<div class="stack">${can("cert show") && html`<${Authority} />`}<${Card} label="Certificates" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Certificates" rows=${rows} empty=${html`<${Empty} icon="certs" title="No port serves TLS"><p>Give the suite a certificate under Settings, tls.</p><//>`}
			columns=${[{ key: "service", label: "Port", lead: true, cell: (r) => html`<span class="main">${r.service}</span> <span class="soft">${r.port}</span>${r.name && html`<br /><span class="small soft">asked for ${r.name}</span>`}` },
				{ key: "state", label: "State", cls: "wide", cell: (r) => html`<${Badge} word=${r.state} /> <span class="small">${r.words}</span>` }, { key: "days", label: "Good for", cell: days, value: (r) => f.toNumber(r.days) },
				{ key: "names", label: "Names", kind: "list", cls: "wide" }, { key: "issuer", label: "Issuer", cls: "addr", cell: (r) => html`${r.issuer || "–"}${r.source && html`<br /><span class="small soft" title=${r.source}>${String(r.source).split("/").at(-1)}</span>`}` },
				{ key: "fingerprint", label: "Fingerprint", cell: (r) => (r.fingerprint ? html`<span class="row nowrap"><code title=${r.fingerprint}>${String(r.fingerprint).slice(0, 11)}…</code><${Copy} text=${String(r.fingerprint)} what="Fingerprint" /></span>` : "–") }]} />`}<//><//></div>${dialog}`;
}
