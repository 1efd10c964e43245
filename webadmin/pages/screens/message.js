// SPDX-License-Identifier: ISC
// message.js: one message of the queue: each recipient with the last reply, and what can be done.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link, go } from "../lib/router.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Confirm, useDialog, Problem, Wait, Facts } from "../parts/all.js";
import { ACTIONS, rerouteDialog } from "./queue.js";

export default function Message({ id }) {
	const ask = useAsk("queue show", { message: id }, { every: 20 }), [dialog, open] = useDialog(), m = ask.data;
	const act = ([verb, text, danger, words]) => open((close) => html`<${Confirm} title=${`${text}?`} button=${text} danger=${danger} act=${() => change("queue " + verb, { message: [id] })} done=${`${text}: done`} onClose=${close}
		onDone=${() => (verb === "remove" ? go("queue") : ask.reload())}><p>${words}</p><//>`);
	const recipients = m ? (Array.isArray(m.recipient) ? m.recipient : [m.recipient]).filter(Boolean) : [];
	return html`<${Head} title=${`Message ${id}`} crumbs=${html`<a href=${link("queue")}>Queue</a>`}>
			${m && ACTIONS.filter(([v]) => can("queue " + v)).map((a) => html`<button type="button" key=${a[0]} class=${a[2] ? "danger" : ""} onClick=${() => act(a)}>${a[1]}</button>`)}
			${m && can("queue reroute") && html`<button type="button" onClick=${() => rerouteDialog(open, { message: [id] }, "This message", ask.reload)}>Another way …</button>`}<//>
		<${Problem} error=${ask.error} again=${ask.reload} />
		${!m ? !ask.error && html`<${Wait} />` : html`<div class="stack">
			<${Card} title="Message"><${Facts} rows=${[["From", m.sender || "<>"], m.user && ["Sent by", m.user], ["Size", f.bytes(m.size)], ["In the queue for", f.span(m.age)], ["A report may be sent", m.reports], m.envid && ["Envelope id", m.envid],
				["Session", html`<span class="mono small">${m.session}</span>`], ["Content", m.file], can("trace show") && ["Story", html`<a href=${link("story", id)}>What happened so far</a>`]]} /><//>
			<${Card} title=${f.plural(recipients.length, "recipient")}><ul class="lines">${recipients.map((r, i) => html`<li key=${i}>${r}</li>`)}</ul><//></div>`}${dialog}`;
}
