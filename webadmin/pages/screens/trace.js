// SPDX-License-Identifier: ISC
// trace.js: what became of a message: search by address, subject, Message-ID and time, newest
// first. A person without a role sees their own mail (the server narrows it).
import { html, useState, useEffect } from "../lib/dom.js";
import { can, isPerson } from "../lib/session.js";
import { useAsk, useStill } from "../lib/ask.js";
import { link, setQuery } from "../lib/router.js";
import { read } from "../lib/api.js";
import { Head, Card, Empty, Table, Search, Problem, Wait, Badge, Soft } from "../parts/all.js";

const LIMIT = 100;
const SPANS = { "1h": ["Last hour", 3600], "1d": ["Last day", 86400], "7d": ["Last 7 days", 604800], "30d": ["Last 30 days", 2592000], all: ["All that is kept", 0] };
const STATES = ["", "delivered", "waiting", "failed", "held", "removed", "rejected"];

// what was typed: an address, a Message-ID in <>, or words of the subject
export function meaning(text) {
	const t = text.trim();
	if (!t)
		return {};
	if (/^<.+>$/.test(t) || /^(message-id|id):/i.test(t))
		return { message_id: t.replace(/^(message-id|id):\s*/i, "") };
	return /^[^\s@]*@[^\s@]*$/.test(t) ? { address: t } : { subject: t };
}

function Filters({ form, set }) {
	return html`<div class="filters">
		<${Search} label="Find messages" hint="Address, subject or <Message-ID>" value=${form.q} onInput=${(q) => set({ ...form, q })} />
		<select aria-label="When" value=${form.span} onChange=${(e) => set({ ...form, span: e.target.value })}>${Object.entries(SPANS).map(([k, [text]]) => html`<option key=${k} value=${k} selected=${k === form.span}>${text}</option>`)}</select>
		${can("trace search", "state") && html`<select aria-label="What became of it" value=${form.state} onChange=${(e) => set({ ...form, state: e.target.value })}>${STATES.map((s) => html`<option key=${s} value=${s} selected=${s === form.state}>${s || "any end"}</option>`)}</select>`}
	</div>`;
}

export default function Trace({ query }) {
	const [form, set] = useState({ q: query.q || query.address || "", span: SPANS[query.span] ? query.span : "7d", state: query.state || "" });
	const still = useStill(form), args = { ...meaning(still.q), limit: LIMIT };
	if (SPANS[still.span][1])
		args.since = Math.floor(Date.now() / 1000 / 60) * 60 - SPANS[still.span][1];
	if (still.state)
		args.state = still.state;
	const ask = useAsk("trace search", args), [older, setOlder] = useState([]), [end, setEnd] = useState(false), [error, setError] = useState(null);
	const key = JSON.stringify(still);
	useEffect(() => {
		setQuery({ q: still.q, span: still.span === "7d" ? "" : still.span, state: still.state });
		setOlder([]);
		setEnd(false);
	}, [key]);
	const rows = [...(ask.data || []), ...older];
	const more = can("trace search", "before") && rows.length >= LIMIT && !end ? async () => {
		try {
			const next = await read("trace search", { ...args, before: rows.at(-1).id });
			const known = new Set(rows.map((r) => r.id + " " + r.recipient)), fresh = next.filter((r) => !known.has(r.id + " " + r.recipient));
			setOlder((o) => [...o, ...fresh]);
			setEnd(next.length < LIMIT || !fresh.length);
		} catch (e) {
			setError(e);
		}
	} : null;
	return html`<${Head} title=${isPerson() ? "My mail" : "Trace"} text=${isPerson() ? "What became of messages to you and from you." : "Every message that came, what became of it, and what other servers said."} />
		<${Card} label="Messages" pad=${false}><${Filters} form=${form} set=${set} />
			${(ask.error || error) && html`<div class="body"><${Problem} error=${ask.error || error} again=${ask.reload} /></div>`}
			${ask.data === null ? !ask.error && html`<${Wait} />` : html`<${Table} label="Messages" rows=${rows} more=${more} empty=${html`<${Empty} icon="trace" title=${form.q ? "No message found" : "No mail yet"}><p>${form.q ? "Try a part of the address, another word of the subject, or a longer time." : "Send yourself a message; its story appears here."}</p><//>`}
				columns=${[{ key: "subject", label: "Subject", lead: true, cls: "wide", cell: (r) => html`<a class="main" href=${link("story", r.id)}>${r.subject || "(no subject)"}</a>` }, { key: "time", label: "When", kind: "time" },
					{ key: "sender", label: "From", cls: "addr", cell: (r) => html`<${Soft} text=${r.sender || "<>"} />` }, { key: "recipient", label: "To", cls: "addr", cell: (r) => html`<${Soft} text=${r.recipient} />${Number(r.recipients) > 1 ? html` <span class="soft nowrap">and ${Number(r.recipients) - 1} more</span>` : ""}` },
					{ key: "size", label: "Size", kind: "size" }, { key: "state", label: "State", cell: (r) => html`<${Badge} word=${r.state} />` }, { key: "words", label: "What became of it", cls: "wide" }]} />`}<//>`;
}
