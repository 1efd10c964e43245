// SPDX-License-Identifier: ISC
// queue.js: what waits and why, in words; filtered by sender, recipient, domain, age and state. An
// action is for all that the filter shows, and the question before it says how many that is.
import { html, useState, useMemo } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk, useStill } from "../lib/ask.js";
import { link } from "../lib/router.js";
import { change, read } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Empty, Icon, Table, Confirm, VerbDialog, useDialog, Problem, Wait, Segments, Soft, Time } from "../parts/all.js";

export const ACTIONS = [
	["retry", "Try now", false, "They are tried at once instead of at their next time."],
	["hold", "Hold", false, "They wait until they are released, and do not grow too old meanwhile."],
	["release", "Release", false, "They go on as before they were held."],
	["bounce", "Give up", true, "Their senders get a report that the mail could not be delivered."],
	["remove", "Remove", true, "They are gone, and nobody is told."],
];
const STATES = ["", "waiting", "active", "held", "scheduled", "throttled", "failed", "damaged"];

// another server than their own for messages: those of the filter, or one
export const rerouteDialog = (open, which, title, onDone) => open((close) => html`<${VerbDialog} verb="queue reroute" title=${`${title}: another way`} text="They go to this server from the next attempt on, which is now." fixed=${which} button="Send that way" onClose=${close} onDone=${onDone}
	fields=${{ ...Object.fromEntries(["message", "sender", "recipient", "domain", "older", "state", "all"].map((a) => [a, { skip: true }])), hop: { always: true, quiet: true, hint: "Host and port. Empty: they go their own way again." } }} done=${(a, said) => `${f.plural(Number(said.messages), "message")}: ${a.hop ? `by ${a.hop}` : "their own way"}`} />`);

const nextTry = (r) => (r.state === "scheduled" || r.state === "throttled" ? html`in ${f.span(r.next)}<br /><span class="small soft"><${Time} at=${Date.now() / 1000 + f.toNumber(r.next)} /></span>` : r.state === "held" ? "when released" : r.state === "active" ? "now" : f.toNumber(r.next) > 0 ? `in ${f.span(r.next)}` : r.state === "waiting" ? "now" : "–");

function Rows({ args, filtered, onCount }) {
	const ask = useAsk("queue list", args, { every: 20 }), [dialog, open] = useDialog();
	const ids = useMemo(() => new Set((ask.data || []).map((r) => r.message)), [ask.data]);
	const bulk = ([verb, text, danger, words]) => open((close) => html`<${Confirm} title=${`${text}: ${f.plural(ids.size, "message")}?`} button=${`${text} (${f.count(ids.size)})`} danger=${danger} onClose=${close} onDone=${ask.reload}
		act=${() => change("queue " + verb, verb === "retry" && (args.state === "scheduled" || args.state === "throttled") ? { message: [...ids] } : filtered ? filterOnly(args) : { all: true })} done=${`${text}: ${f.plural(ids.size, "message")}`}>
		<p>This is for ${filtered ? "every message that the filter shows" : "every message in the queue"}: ${f.plural(ids.size, "message")}, ${f.plural((ask.data || []).length, "recipient")}${(ask.data || []).length >= 10000 ? " or more" : ""}.</p><p>${words}${verb === "retry" && args.state !== "scheduled" ? " Those that are to leave later wait for that." : ""}</p><//>`);
	const reroute = () => rerouteDialog(open, filtered ? filterOnly(args) : { all: true }, f.plural(ids.size, "message"), ask.reload);
	return html`${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.data === null ? !ask.error && html`<${Wait} />` : html`
		${ids.size > 0 && html`<div class="filters"><span class="fix soft">All ${filtered ? "found" : ""} ${f.plural(ids.size, "message")}:</span>${ACTIONS.filter(([v]) => can("queue " + v)).map((a) => html`<button type="button" key=${a[0]} class=${"mini" + (a[2] ? " danger" : "")} onClick=${() => bulk(a)}>${a[1]}</button>`)}
			${can("queue reroute") && html`<button type="button" class="mini" onClick=${reroute}>Another way …</button>`}</div>`}
		<${Table} label="Messages in the queue" rows=${ask.data} empty=${filtered ? html`<${Empty} icon="search" title="Nothing fits the filter" />` : html`<${Empty} icon="done" title="The queue is empty"><p>Everything that was taken has been delivered.</p><//>`}
			columns=${[{ key: "recipient", label: "To", lead: true, cell: (r) => html`<a class="main" href=${link("message", r.message)}><${Soft} text=${r.recipient || r.message} /></a>` }, { key: "sender", label: "From", cls: "addr", cell: (r) => html`<${Soft} text=${r.sender || "<>"} />` },
				{ key: "state", label: "State", kind: "badge" }, { key: "reply", label: "Why", cls: "wide" }, { key: "next", label: "Next try", value: (r) => f.toNumber(r.next), kind: "age", cell: nextTry },
				{ key: "attempts", label: "Tries", kind: "number" }, { key: "age", label: "Age", kind: "age" }, { key: "size", label: "Size", kind: "size" }]} />`}${dialog}`;
}

const filterOnly = ({ limit, ...rest }) => rest;

function Sums({ by, onPick }) {
	const ask = useAsk("queue list", { by }, { every: 20 });
	return ask.data === null ? (ask.error ? html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>` : html`<${Wait} />`)
		: html`<${Table} label="The queue in sums" rows=${ask.data} find=${by === "sender" ? "Find a sender" : "Find a destination"} empty=${html`<${Empty} icon="done" title="The queue is empty" />`}
			columns=${[{ key: by, label: by === "sender" ? "Sender" : "Destination", lead: true, cell: (r) => html`<button type="button" class="link" onClick=${() => onPick(r[by])}>${r[by] || "<>"}</button>` },
				{ key: "messages", label: "Messages", kind: "number" }, { key: "recipients", label: "Recipients", kind: "number" }, { key: "waiting", label: "Waiting", kind: "number" }, { key: "active", label: "In hand", kind: "number" }, { key: "held", label: "Held", kind: "number" }, { key: "scheduled", label: "Scheduled", kind: "number" }, { key: "failed", label: "Failed", kind: "number" },
				{ key: "next", label: "Next try", kind: "age" }]} />`;
}

export default function Queue({ query }) {
	const [view, setView] = useState("list"), [filter, set] = useState({ sender: "", recipient: query.recipient || "", domain: query.domain || "", older: "", state: query.state || "" });
	const still = useStill(filter, 400), args = Object.fromEntries(Object.entries(still).map(([k, v]) => [k, v.trim()]).filter(([, v]) => v));
	const field = (name, label, hint) => html`<input key=${name} aria-label=${label} placeholder=${hint || label} value=${filter[name]} spellcheck=${false} autocomplete="off" data-search=${name === "sender" ? "" : undefined} onInput=${(e) => set({ ...filter, [name]: e.target.value })} />`;
	return html`<${Head} title="Queue" text="Mail that was taken and is not yet delivered: why, and when it is tried again.">
			<${Segments} label="View" value=${view} choices=${[["list", "Messages"], ["destination", "By destination"], ["sender", "By sender"]]} onPick=${setView} /><//>
		<${Card} label="Queue" pad=${false}>
			${view === "list" ? html`<div class="filters">${field("sender", "Sender")}${field("recipient", "Recipient")}${field("domain", "Domain")}${field("older", "Older than", "Older than: 30m, 2h, 3d")}
				<select aria-label="State" value=${filter.state} onChange=${(e) => set({ ...filter, state: e.target.value })}>${STATES.map((s) => html`<option key=${s} value=${s} selected=${s === filter.state}>${s || "any state"}</option>`)}</select>
				${Object.values(filter).some(Boolean) && html`<button type="button" class="quiet" onClick=${() => set({ sender: "", recipient: "", domain: "", older: "", state: "" })}><${Icon} name="close" />Clear</button>`}</div>
				<${Rows} args=${args} filtered=${Object.keys(args).length > 0} />`
			: html`<${Sums} key=${view} by=${view} onPick=${(v) => { set({ sender: view === "sender" ? v : "", recipient: view === "destination" && v.includes("@") ? v : "", domain: view === "destination" && !v.includes("@") ? v : "", older: "", state: "" }); setView("list"); }} />`}<//>`;
}
