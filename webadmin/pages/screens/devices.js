// SPDX-License-Identifier: ISC
// devices.js: the app passwords of an account, one for each device, and the second factors of this page: codes of a telephone,
// security keys. What is secret is shown once, when it is made.
import { html } from "../lib/dom.js";
import { can, session, asOwner } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import { canKeys, makeKey } from "../lib/key.js";
import { Card, Answer, Icon, Table, VerbDialog, VerbForm, Confirm, Dialog, Code, useDialog, Time, say } from "../parts/all.js";

const isOwn = (address) => address === session.me.address;
const oldField = (address) => isOwn(address) || asOwner(address) ? { label: "Your password", needed: true, invent: false, autocomplete: "current-password" } : { skip: true };
// one dialog after the other
const then = (open, f) => setTimeout(() => open(f));

// shared: a mailbox of several people, whose app passwords are one owner's each; an owner makes his own alone
function newAppPassword(open, address, reload, shared) {
	const show = (said) => then(open, (close) => html`<${Dialog} title="Type it into the device now" onClose=${close}><p>It is shown this once. The name of the account is ${address}; dashes may be left out.</p>
		<div class="secret"><${Code} text=${said.password} what="App password" /></div><//>`);
	open((close) => html`<${VerbDialog} verb="app-password add" title="New app password" fixed=${{ address }} button="Make it" onClose=${close} onDone=${(a, said) => { reload(); show(said); }}
		fields=${{ label: { label: "Device or program", placeholder: "phone" }, protocols: { label: "Good for", placeholder: "imap, pop3, submission", hint: "Empty: all three." }, expires: { label: "For how long", placeholder: "30d", hint: "Empty: for ever." }, owner: shared && !asOwner(address) ? { label: "Owner", hint: "For whom: good for as long as they own the mailbox. Empty: nobody's, like a scanner's." } : { skip: true }, old: oldField(address) }} />`);
}

export function AppPasswords({ address, shared }) {
	const ask = useAsk("app-password list", { address }), [dialog, open] = useDialog(), add = () => newAppPassword(open, address, ask.reload, shared);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the app password ${r.label || r.id}?`} button="Remove" act=${() => change("app-password remove", { address, id: r.id })} done="It is void" onClose=${close} onDone=${ask.reload}>
		<p>The device that has it is signed out. Others connect again by themselves.</p><//>`);
	return html`<${Card} title="App passwords" pad=${false} tools=${can("app-password add") && html`<button type="button" class="mini" onClick=${add}><${Icon} name="plus" />New</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="App passwords" rows=${rows} page=${10} rowKey=${(r) => r.id} empty=${html`<p class="none">None. A device with one of its own can be signed out alone, and never learns the password of this page.</p>`} columns=${[
			{ key: "label", label: "Device", lead: true, cell: (r) => html`<span class="main">${r.label || r.id}</span>` }, { key: "protocols", label: "Good for" }, ...(rows.some((r) => r.owner) ? [{ key: "owner", label: "Owner" }] : []), { key: "since", label: "Made", kind: "time" },
			{ key: "expires", label: "Until", cell: (r) => (Number(r.expires) ? html`<${Time} at=${r.expires} />` : html`<span class="soft">for ever</span>`) }, { key: "last", label: "Last used", kind: "ago" }, { key: "peer", label: "From" }]}
			actions=${can("app-password remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Remove ${r.label || r.id}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}

// A second factor is on: recovery codes, if it is the first one, and an app password for who needs one now
function tellSecond(open, address, said) {
	if (!said.recovery)
		return say("It is on");
	then(open, (close) => html`<${Dialog} title="It is on: keep these codes" onClose=${close}><p>Each lets you in once when the telephone or the key is gone. They are not shown again.</p>
		<div class="secret"><${Code} text=${said.recovery} what="Recovery codes" /></div>
		${said.main_password === "web" && html`<p>From now on the password is for this page alone: each mail program needs an app password.</p>
			${can("app-password add") && html`<div class="actions"><button type="button" class="primary" onClick=${() => { close(); then(open, () => newAppPassword(open, address, () => {})); }}>Make an app password</button></div>`}`}<//>`);
}

// First a secret for the telephone, then a code that it shows: only then it counts
export function Codes({ address }) {
	const ask = useAsk("totp show", { address }), [dialog, open] = useDialog(), old = oldField(address);
	const confirm = (said, given) => then(open, (close) => html`<${VerbDialog} verb="totp on" title="Show it to your telephone" fixed=${given} button="Turn it on" onClose=${close} onDone=${(a, r) => { ask.reload(); tellSecond(open, address, r); }}
		text=${html`Type this into a program for codes, or open <a href=${said.uri}>this link</a> on the telephone: <code>${said.secret}</code>`} fields=${{ code: { label: "The code that it shows now", needed: true, autocomplete: "one-time-code" }, old: { skip: true } }} />`);
	const on = () => open((close) => html`<${VerbDialog} verb="totp on" title="Codes of a telephone" fixed=${{ address }} button="Go on" onClose=${close} onDone=${(a, said) => confirm(said, a)}
		text="This page then asks for a code that the telephone shows, too." fields=${{ code: { skip: true }, old }} />`);
	const off = () => open((close) => html`<${VerbDialog} verb="totp off" title="Take the codes away?" fixed=${{ address }} button="Take them away" done="No code is asked for any more" onClose=${close} onDone=${ask.reload} fields=${{ old }} />`);
	return html`<${Card} title="Second factor: codes" tools=${ask.data && can("totp on") && html`<button type="button" class="mini" onClick=${ask.data.on === "yes" ? off : on}>${ask.data.on === "yes" ? "Take them away" : "Turn them on"}</button>`}>
		<${Answer} ask=${ask}>${(t) => (t.on === "yes" ? html`<p>On since <${Time} at=${t.since} />; ${t.recovery_left} recovery codes are left.</p>` : html`<p class="none">Off: this page asks for no code of a telephone.</p>`)}<//><//>${dialog}`;
}

// First a challenge, then what the key says to it
export function SecurityKeys({ address }) {
	const ask = useAsk("security-key list", { address }), [dialog, open] = useDialog(), old = oldField(address);
	const touch = (close) => async (given, asked) => {
		const said = await change("security-key add", { ...given, ...(await makeKey(asked, address)) });
		close();
		ask.reload();
		tellSecond(open, address, said);
	};
	const add = () => open((close) => html`<${Dialog} title="New security key" onClose=${close}><p class="soft">This page then asks for a touch of the key, too. It is for this address of the page alone: ${location.hostname}.</p>
		<${VerbForm} verb="security-key add" fixed=${{ address }} button="Touch the key" onCancel=${close} onDone=${touch(close)}
			fields=${{ label: { label: "Which key", placeholder: "on my keyring" }, challenge: { skip: true }, client_data: { skip: true }, authenticator_data: { skip: true }, old }} /><//>`);
	const remove = (r) => open((close) => html`<${VerbDialog} verb="security-key remove" title=${`Remove the key ${r.label || r.id}?`} fixed=${{ address, id: r.id }} button="Remove" done="It opens nothing any more" onClose=${close} onDone=${ask.reload} fields=${{ old }} />`);
	return html`<${Card} title="Second factor: security keys" pad=${false} tools=${can("security-key add") && html`<button type="button" class="mini" disabled=${!canKeys()} onClick=${add}><${Icon} name="plus" />New</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Security keys" rows=${rows} page=${10} rowKey=${(r) => r.id} empty=${html`<p class="none">None. With one, this page asks for a touch of it beside the password.</p>`} columns=${[
			{ key: "label", label: "Key", lead: true, cell: (r) => html`<span class="main">${r.label || r.id}</span>` }, { key: "host", label: "For the page at" }, { key: "since", label: "Added", kind: "time" }, { key: "last", label: "Last used", kind: "ago" }, { key: "peer", label: "From" }]}
			actions=${can("security-key remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Remove ${r.label || r.id}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}
