// SPDX-License-Identifier: ISC
// devices.js: the app passwords of an account, one for each device, and the second factor of this page. What is secret is
// shown once, when it is made.
import { html } from "../lib/dom.js";
import { can, session } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import { Card, Answer, Icon, Table, VerbDialog, Confirm, Dialog, Code, useDialog, Time } from "../parts/all.js";

export function AppPasswords({ address }) {
	const ask = useAsk("app-password list", { address }), [dialog, open] = useDialog(), own = address === session.me.address;
	const show = (said) => setTimeout(() => open((close) => html`<${Dialog} title="Type it into the device now" onClose=${close}><p>It is shown this once. The name of the account is ${address}; dashes may be left out.</p>
		<div class="secret"><${Code} text=${said.password} what="App password" /></div><//>`));
	const add = () => open((close) => html`<${VerbDialog} verb="app-password add" title="New app password" fixed=${{ address }} button="Make it" onClose=${close} onDone=${(a, said) => { ask.reload(); show(said); }}
		fields=${{ label: { label: "Device or program", placeholder: "phone" }, protocols: { label: "Good for", placeholder: "imap, pop3, submission", hint: "Empty: all three." }, expires: { label: "For how long", placeholder: "30d", hint: "Empty: for ever." },
			old: own ? { label: "Your password", needed: true, invent: false, autocomplete: "current-password" } : { skip: true } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the app password ${r.label || r.id}?`} button="Remove" act=${() => change("app-password remove", { address, id: r.id })} done="It is void" onClose=${close} onDone=${ask.reload}>
		<p>The device that has it is signed out. Others connect again by themselves.</p><//>`);
	return html`<${Card} title="App passwords" pad=${false} tools=${can("app-password add") && html`<button type="button" class="mini" onClick=${add}><${Icon} name="plus" />New</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="App passwords" rows=${rows} page=${10} rowKey=${(r) => r.id} empty=${html`<p class="none">None. A device with one of its own can be signed out alone, and never learns the password of this page.</p>`} columns=${[
			{ key: "label", label: "Device", lead: true, cell: (r) => html`<span class="main">${r.label || r.id}</span>` }, { key: "protocols", label: "Good for" }, { key: "since", label: "Made", kind: "time" },
			{ key: "expires", label: "Until", cell: (r) => (Number(r.expires) ? html`<${Time} at=${r.expires} />` : html`<span class="soft">for ever</span>`) }, { key: "last", label: "Last used", kind: "ago" }, { key: "peer", label: "From" }]}
			actions=${can("app-password remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Remove ${r.label || r.id}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}

// First a secret for the telephone, then a code that it shows: only then it counts
export function SecondFactor({ address }) {
	const ask = useAsk("totp show", { address }), [dialog, open] = useDialog(), own = address === session.me.address;
	const old = own ? { label: "Your password", needed: true, invent: false, autocomplete: "current-password" } : { skip: true };
	const codes = (said) => setTimeout(() => open((close) => html`<${Dialog} title="It is on: keep these codes" onClose=${close}><p>Each lets you in once when the telephone is gone. They are not shown again.</p>
		<div class="secret"><${Code} text=${said.recovery} what="Recovery codes" /></div>
		${said.main_password === "web" && html`<p>From now on the password is for this page alone: give each mail program an app password.</p>`}<//>`));
	const confirm = (said, given) => setTimeout(() => open((close) => html`<${VerbDialog} verb="totp on" title="Show it to your telephone" fixed=${given} button="Turn it on" onClose=${close} onDone=${(a, r) => { ask.reload(); codes(r); }}
		text=${html`Type this into a program for codes, or open <a href=${said.uri}>this link</a> on the telephone: <code>${said.secret}</code>`} fields=${{ code: { label: "The code that it shows now", needed: true, autocomplete: "one-time-code" }, old: { skip: true } }} />`));
	const on = () => open((close) => html`<${VerbDialog} verb="totp on" title="Second factor" fixed=${{ address }} button="Go on" onClose=${close} onDone=${(a, said) => confirm(said, a)}
		text="This page then asks for the code of a telephone, too." fields=${{ code: { skip: true }, old }} />`);
	const off = () => open((close) => html`<${VerbDialog} verb="totp off" title="Take the second factor away?" fixed=${{ address }} button="Take it away" done="The password alone is enough again" onClose=${close} onDone=${ask.reload} fields=${{ old }} />`);
	return html`<${Card} title="Second factor" tools=${ask.data && can("totp on") && html`<button type="button" class="mini" onClick=${ask.data.on === "yes" ? off : on}>${ask.data.on === "yes" ? "Take it away" : "Turn it on"}</button>`}>
		<${Answer} ask=${ask}>${(t) => (t.on === "yes" ? html`<p>On since <${Time} at=${t.since} />; ${t.recovery_left} recovery codes are left.</p>` : html`<p class="none">Off: the password alone opens this page.</p>`)}<//><//>${dialog}`;
}
