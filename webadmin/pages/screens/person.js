// SPDX-License-Identifier: ISC
// person.js: one person as an administrator sees them: how full the mailbox is, which addresses
// lead there, password, hand-out link, forwarding, sessions, suspension, roles.
import { html, useState } from "../lib/dom.js";
import { can, session, asOwner } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link, go } from "../lib/router.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Answer, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Facts, Meter, Problem, Wait, Code, Dialog, Time, say } from "../parts/all.js";
import { Device, serviceOf, stateOf, isWeb, HERE } from "../parts/session.js";
import { Roles } from "./people.js";
import { AppPasswords, Codes, SecurityKeys } from "./devices.js";
import { LooksAfter, Owners, SendAs, State, EXPIRES, leaveDialog, moment } from "./delegation.js";

export function Usage({ address }) {
	const ask = useAsk("mailbox status", { address });
	return html`<${Card} title="Mailbox"><${Answer} ask=${ask}>${(m) => html`<div class="stack tight">
		<${Facts} rows=${[["Holds", `${f.bytes(m.usage)} in ${f.plural(Number(m.messages), "message")}`], ["Quota", Number(m.quota) ? f.bytes(m.quota) : "no limit"],
			Number(m.quota_messages) ? ["Messages at most", f.count(m.quota_messages)] : null, ["Folders", f.count(m.folders)]]} />
		${Number(m.quota) > 0 && html`<${Meter} part=${Number(m.usage) / Number(m.quota)} label="Quota used" />`}</div>`}<//><//>`;
}

// What the account sent of what it may, to the outside
const COUNTS = { messages_hour: "Messages an hour", messages_day: "Messages a day", recipients_hour: "Recipients an hour", recipients_day: "Recipients a day", new_day: "New recipients a day" };
function Limits({ address }) {
	const ask = useAsk("limit list", { address }), [dialog, open] = useDialog();
	const reset = () => open((close) => html`<${Confirm} title=${`Count anew for ${address}?`} button="Count anew" danger=${false} act=${() => change("limit reset", { address })} done="Its hour and its day begin anew" onClose=${close} onDone=${ask.reload}><p>What is kept in the queue stays there until it is released.</p><//>`);
	return html`<${Card} title="Sending" pad=${false} tools=${can("limit reset") && (ask.data || []).some((r) => Number(r.sent)) && html`<button type="button" class="mini" onClick=${reset}>Count anew</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Sending" rows=${rows} empty=${html`<p class="none">No limit.</p>`} columns=${[{ key: "counts", label: "To the outside", lead: true, cell: (r) => COUNTS[r.counts] || r.counts },
			{ key: "sent", label: "Sent", kind: "number" }, { key: "limit", label: "Of", kind: "number" }, { key: "left", label: "Ends in", kind: "age" }, { key: "kept", label: "Kept in the queue", kind: "number" }]} />`}<//><//>${dialog}`;
}

export function Folders({ address }) {
	const ask = useAsk("mailbox list", { address });
	return html`<${Card} title="Folders" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Folders" page=${12} rows=${rows} empty=${html`<${Empty} title="No folder yet" />`}
		columns=${[{ key: rows[0] && "name" in rows[0] ? "name" : "folder", label: "Folder", lead: true }, { key: "messages", label: "Messages", kind: "number" }, { key: "unseen", label: "Unread", kind: "number" }, { key: "size", label: "Size", kind: "size" }]} />`}<//><//>`;
}

// Every session of one person: mail programs, and logins of this page, of which `login list` knows when they were last used
export function Sessions({ address, own }) {
	const all = useAsk(can("session list") ? "session list" : null, {}, { every: 15 }), logins = useAsk(can("login list") ? "login list" : null);
	const [dialog, open] = useDialog(), used = new Map((logins.data || []).map((r) => [r.id, r.last]));
	const reload = () => Promise.all([all.reload(), logins.reload()]);
	const end = (args, title, words) => open((close) => html`<${Confirm} title=${title} button="End" act=${() => change("session kick", args)} done="Ended" onClose=${close} onDone=${reload}><p>${words}</p><//>`);
	const one = (r) => end({ id: r.id }, `End the ${isWeb(r) ? "login" : `${serviceOf(r)} connection`} from ${r.peer}?`, r.state === HERE ? "It is the one that you use now: you must sign in again." : isWeb(r) ? "Whoever uses it must sign in again." : "A mail program connects again by itself while its password is right.");
	const rest = () => end({ user: address }, own ? "End all other sessions?" : "End all sessions?", `Mail programs, telephones and browsers${own ? "; this one stays signed in" : ""}. Who has the password can come back: a new password keeps others out.`);
	const rows = (all.data || []).filter((r) => r.user === address).map((r) => ({ ...r, last: used.get(r.id) ?? "" }));
	return html`${all.data && html`<${Card} title=${own ? "Where you are signed in" : "Sessions"} label="Sessions" pad=${false} tools=${can("session kick") && rows.length > 1 && html`<button type="button" class="mini" onClick=${rest}>${own ? "End all others" : "End all"}</button>`}>
		<${Table} label="Sessions" rows=${rows} page=${10} rowKey=${(r) => r.id} empty=${html`<p class="none">No mail program is connected, and nobody is signed in to the page.</p>`} columns=${[
			{ key: "device", label: "Device", lead: true, cell: (r) => html`<span class="main"><${Device} row=${r} /></span>` }, { key: "service", label: "Service", cell: (r) => serviceOf(r), value: (r) => serviceOf(r) }, { key: "peer", label: "From" }, { key: "tls", label: "TLS", cell: (r) => html`<span class="nowrap">${r.tls || "–"}</span>` },
			{ key: "state", label: "State", cell: (r) => html`<${Badge} word=${stateOf(r)} mood=${r.state === HERE ? "ok" : ""} />` }, { key: "seconds", label: "For", kind: "age" }, { key: "last", label: "Last used", kind: "ago" }]}
			actions=${can("session kick") && ((r) => html`<button type="button" class="mini" aria-label=${`End the ${r.service} session from ${r.peer}`} onClick=${() => one(r)}>End</button>`)} /><//>`}${dialog}`;
}

export const passwordDialog = (open, address, onDone) => open((close) => html`<${VerbDialog} verb="user password" title=${`New password for ${address}`} fixed=${{ address }} button="Set the password" done="The new password counts now" onClose=${close} onDone=${onDone}
	text=${`Mail programs with the old one are asked for the new one at their next login.${address === session.me.address ? " On this page you sign in anew, too." : ""}`} fields=${{ password: { label: "New password", needed: true }, old: address === session.me.address ? { label: "Password of today", needed: true, invent: false, autocomplete: "current-password" } : { skip: true } }} />`);

export const forwardDialog = (open, address, initial, reload) => open((close) => html`<${VerbDialog} verb="user forward" title="Forwarding" fixed=${{ address }} button="Save" done=${(a) => (a.target?.length ? "Mail is forwarded now" : "Nothing is forwarded now")} onClose=${close} onDone=${reload}
	initial=${{ keep: true, ...initial }} fields=${{ target: { label: "Forward to", hint: "One address a line; empty: forward nothing." } }} />`);

function inviteDialog(open, address) {
	open((close) => html`<${Confirm} title=${`Hand-out link for ${address}`} button="Make a link" danger=${false} act=${() => change("user invite", { address })} onClose=${close}
		onDone=${(r) => setTimeout(() => open((shut) => html`<${Dialog} title="Hand this link out" onClose=${shut}><p>Whoever opens it sets the password of ${address}. It works once${r.expires ? html`, until <${Time} at=${r.expires} />` : ""}. It is not shown again.</p>
			<div class="secret"><${Code} text=${r.link} what="Link" /></div><//>`))}>
		<p>The link lets its reader choose the password of this account, once. Send it on a way that others do not read.</p><//>`);
}

function Aliases({ address }) {
	const ask = useAsk("alias list", can("alias list", "target") ? { target: address } : {});
	return html`<${Card} title="Aliases that lead here" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Aliases that lead here" page=${10} rows=${rows.filter((r) => f.list(r.targets).includes(address))}
		empty=${html`<p class="none">No alias. Make one under <a href="#/aliases">Aliases</a>.</p>`} columns=${[{ key: "address", label: "Alias", lead: true }, { key: "targets", label: "All its targets", kind: "list" }]} />`}<//><//>`;
}

export default function Person({ id }) {
	const ask = useAsk("user show", { address: id }), [dialog, open] = useDialog(), u = ask.data, [turn, setTurn] = useState(0);
	const reload = () => {
		setTurn((t) => t + 1);
		return ask.reload();
	};
	const edit = () => open((close) => html`<${VerbDialog} verb="user change" title=${`Change ${id}`} fixed=${{ address: id }} changes=${true} button="Save" done="Saved" onClose=${close} onDone=${reload}
		initial=${{ name: u.name, quota: Number(u.quota) ? String(u.quota) : "", quota_messages: String(u.quota_messages ?? 0), roles: u.roles, active: f.yes(u.active), expires: moment(u.expires), main_password: u.main_password, listed: f.yes(u.listed) }}
		fields=${{ name: { placeholder: "" }, expires: EXPIRES, main_password: { label: "The password is good for", quiet: true, choices: [["all", "everything"], ["web", "this page alone; mail programs need app passwords"]] } }} />`);
	const suspend = () => open((close) => f.yes(u.active) ? html`<${Confirm} title=${`Suspend ${id}?`} button="Suspend" act=${async () => {
			await change("user change", { address: id, active: false });
			if (can("session kick"))
				await change("session kick", { user: id }).catch(() => {});
		}} done="Suspended" onClose=${close} onDone=${ask.reload}><p>Nobody can log in with this account any more, and its connections end. Mail for it is still received and kept.</p><//>`
		: html`<${Confirm} title=${`Let ${id} in again?`} button="Let in" danger=${false} act=${() => change("user change", { address: id, active: true })} done="Active again" onClose=${close} onDone=${ask.reload}><p>The old password counts again.</p><//>`);
	const remove = () => open((close) => html`<${Confirm} title=${`Remove ${id}?`} button="Remove" act=${() => change("user remove", { address: id })} done=${`${id} is gone`} onClose=${close} onDone=${() => go("people")}><p>The account is removed; new mail for it is refused. Its mail stays on the disk.</p><//>`);
	return html`<${Head} title=${u?.name || id} text=${u?.name ? id : ""} crumbs=${can("user list") && html`<a href=${link("people")}>People</a>`}>
			${u && html`${can("user change") && html`<button type="button" onClick=${edit}>Change</button>`}${can("user password") && !asOwner(id) && !f.yes(u.shared) && html`<button type="button" onClick=${() => passwordDialog(open, id)}>Password</button>`}
			${can("user invite") && !f.yes(u.shared) && html`<button type="button" onClick=${() => inviteDialog(open, id)}>Hand-out link</button>`}
			${can("user forward") && html`<button type="button" onClick=${() => forwardDialog(open, id, forwardOf(u), ask.reload)}>Forward</button>`}
			${can("user change") && html`<button type="button" onClick=${suspend}>${f.yes(u.active) ? "Suspend" : "Let in again"}</button>`}
			${can("user leave") && f.yes(u.active) && html`<button type="button" onClick=${() => leaveDialog(open, id, reload)}>Leaves</button>`}
			${can("user remove") && html`<button type="button" class="danger" onClick=${remove}>Remove</button>`}`}<//>
		<${Problem} error=${ask.error} again=${ask.reload} />
		${!u ? !ask.error && html`<${Wait} />` : html`<div class="stack"><div class="grid even">
			<${Card} title="Account"><${Facts} rows=${[["Address", id], ["State", html`<${State} of=${u} />`],
				f.yes(u.shared) ? ["Password", "never: a mailbox of several people"] : u.password === "no" ? ["Password", html`<${Badge} word="none yet: nobody can log in" mood="warn" />`] : null,
				["Roles", u.roles ? html`<${Roles} roles=${u.roles} />` : html`<span class="soft">none</span>`], ["Forwards to", forwardWords(u)],
				can("trace search") && !asOwner(id) && ["Mail", html`<a href=${link("trace", "", { address: id })}>Trace it</a>`]]} /><//>
			${can("mailbox status") && html`<${Usage} key=${turn} address=${id} />`}</div>
			${can("alias list") && html`<${Aliases} address=${id} />`}
			${can("owner list") && html`<${Owners} address=${id} shared=${f.yes(u.shared)} /><${LooksAfter} address=${id} title="Looks after" />`}
			${can("send-as list") && html`<${SendAs} address=${id} />`}
			${can("app-password list") && html`<${AppPasswords} address=${id} shared=${f.yes(u.shared)} />`}
			${!asOwner(id) && html`${can("totp show") && !f.yes(u.shared) && html`<${Codes} address=${id} />`}
			${can("security-key list") && !f.yes(u.shared) && html`<${SecurityKeys} address=${id} />`}
			${can("limit list") && html`<${Limits} address=${id} />`}
			<${Sessions} address=${id} />`}
			${can("mailbox list") && html`<${Folders} address=${id} />`}</div>`}${dialog}`;
}

// "copy to a@b, c@d": the mail stays here, too
const keeps = (u) => String(u.forward).startsWith("copy to ");
const targets = (u) => f.list(String(u.forward ?? "").replace(/^copy to /, ""));
export const forwardOf = (u) => ({ target: targets(u).join("\n"), keep: !targets(u).length || keeps(u) });
export const forwardWords = (u) => u.forward === undefined ? null : targets(u).length ? `${targets(u).join(", ")}${keeps(u) ? ", and a copy stays here" : ""}` : html`<span class="soft">nowhere</span>`;
