// SPDX-License-Identifier: ISC
// delegation.js: who may send with whose address, who looks after whose mailbox, when an account ends, and somebody who leaves.
import { html } from "../lib/dom.js";
import { can, asOwner } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import { link } from "../lib/router.js";
import { Card, Answer, Badge, Icon, Table, VerbDialog, Confirm, useDialog, Time } from "../parts/all.js";

export function SendAs({ address }) {
	const ask = useAsk("send-as list", asOwner(address) ? { address } : {}), [dialog, open] = useDialog();
	const add = () => open((close) => html`<${VerbDialog} verb="send-as add" title=${`Who may send as ${address}?`} fixed=${{ address }} button="Let them" done="They may from the next message on" onClose=${close} onDone=${ask.reload}
		fields=${{ who: { label: "Account, alias or group", needed: true, hint: "Of an alias or a group: everybody who gets its mail." }, domain: { skip: true } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Take the right away from ${r.who}?`} button="Take it away" act=${() => change("send-as remove", { who: r.who, ...(r.address[0] === "@" ? { domain: r.address.slice(1) } : { address: r.address }) })} done="It is void" onClose=${close} onDone=${ask.reload}>
		<p>Mail from ${r.address} is refused from the next message on, if ${r.who} sends it.</p><//>`);
	const mine = (r) => r.address === address || r.address === address.slice(address.lastIndexOf("@"));
	return html`<${Card} title="Sending as others" pad=${false} tools=${can("send-as add") && html`<button type="button" class="mini" onClick=${add}><${Icon} name="plus" />Let somebody</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Sending as others" rows=${rows.filter((r) => mine(r) || r.who === address)} page=${10} rowKey=${(r) => `${r.who} ${r.address}`} empty=${html`<p class="none">Nobody else sends with this address, and it sends with no other.</p>`} columns=${[
			{ key: "who", label: "Who", lead: true, cell: (r) => html`<span class="main">${r.who}</span>` }, { key: "address", label: "May send as" }, { key: "since", label: "Since", kind: "time" }]}
			actions=${can("send-as remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Take the right to send as ${r.address} away from ${r.who}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}

// Who looks after this mailbox beside its holder, or, if it is one of several people, at all
export function Owners({ address, shared, own }) {
	const ask = useAsk("owner list", { address }), [dialog, open] = useDialog();
	const add = () => open((close) => html`<${VerbDialog} verb="owner add" title=${`Who looks after ${address}?`} fixed=${{ address }} button="Make an owner" done="The mailbox is theirs as well" onClose=${close} onDone=${ask.reload}
		text="An owner opens the mailbox with app passwords of their own, sees all of it, and sends with its address." fields=${{ who: { label: "Account, alias or group", needed: true, hint: "Of an alias or a group: everybody who gets its mail." } }} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Take ${address} away from ${r.who}?`} button="Take it away" act=${() => change("owner remove", { address, who: r.who })} done="It is theirs no more" onClose=${close} onDone=${ask.reload}>
		<p>The app passwords that ${r.who} has for it are void at once, and the sessions of its mail programs end; those of others come back by themselves.</p><//>`);
	return html`<${Card} title="Owners" pad=${false} tools=${can("owner add") && html`<button type="button" class="mini" onClick=${add}><${Icon} name="plus" />New owner</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Owners" rows=${rows.filter((r) => r.address === address)} page=${10} rowKey=${(r) => r.who} empty=${html`<p class="none">${shared ? "Nobody yet: without an owner nobody gets into this mailbox." : own ? "Nobody but you looks after this mailbox." : "Nobody looks after it but its holder."}</p>`} columns=${[
			{ key: "who", label: "Who", lead: true, cell: (r) => html`<span class="main">${r.who}</span>` }, { key: "since", label: "Since", kind: "time" }]}
			actions=${can("owner remove") && ((r) => html`<button type="button" class="mini danger" aria-label=${`Take ${address} away from ${r.who}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//><//>${dialog}`;
}

// The mailboxes that somebody looks after; nothing is shown to who has none
export function LooksAfter({ address, title }) {
	const ask = useAsk("owner list", { who: address });
	return ask.data?.length ? html`<${Card} title=${title} pad=${false}><${Table} label=${title} rows=${ask.data} page=${10} rowKey=${(r) => `${r.address} ${r.who}`} columns=${[
		{ key: "address", label: "Mailbox", lead: true, cell: (r) => html`<a class="main" href=${link("person", r.address)}>${r.address}</a>` }, { key: "who", label: "As", cell: (r) => (r.who === address ? "owner" : `one of ${r.who}`) }, { key: "since", label: "Since", kind: "time" }]} /><//>` : null;
}

// Unix time as the verb takes it: the last day, or the moment
export function moment(v) {
	const t = Number(v);
	return !t ? "" : t % 86400 ? new Date(t * 1000).toISOString().slice(0, 19) : new Date((t - 86400) * 1000).toISOString().slice(0, 10);
}

export const EXPIRES = { label: "Ends", placeholder: "2026-12-31", hint: "The last day on which one may log in, or 2026-12-31T18:00, both UTC; empty: never." };

export const State = ({ of: u }) => html`<${Badge} word=${u.state || "active"} mood=${(u.state || "active") === "active" ? "ok" : "warn"} />${u.state === "left" && Number(u.until) ? html` <span class="soft">mail until <${Time} at=${u.until} /></span>` : ""}${u.state === "active" && Number(u.expires) ? html` <span class="soft">until <${Time} at=${u.expires} /></span>` : ""}`;

export const leaveDialog = (open, address, onDone) => open((close) => html`<${VerbDialog} verb="user leave" title=${`${address} leaves`} fixed=${{ address }} button="Close the account" done="Nobody logs in with it any more" onClose=${close} onDone=${onDone} initial=${{ keep: true }}
	text="Nobody logs in any more, and all sessions end. “Let in again” undoes it." fields=${{ target: { label: "Mail goes on to", hint: "One address a line; empty: it stays in the mailbox." }, keep: { label: "A copy stays in the mailbox" },
		until: { label: "Until", placeholder: "2026-12-31", hint: "The last day (UTC); then mail is refused. Empty: for ever." }, reply: { label: "What senders are told then", placeholder: "Write to ben@example.org" } }} />`);
