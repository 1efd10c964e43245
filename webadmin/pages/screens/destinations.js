// SPDX-License-Identifier: ISC
// destinations.js: the domains outside that have mail here or do not answer: how each one stands,
// how much waits for it, and what its server said last. Two lists are one table here: what the
// queue knows of a destination, and the sums of what waits.
import { html, useMemo } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Card, Answer, Empty, Table, Confirm, useDialog, Badge, Soft, Problem } from "../parts/all.js";
import { rerouteDialog } from "./queue.js";

// mailboxes of this host are destinations of the queue, too, but not of sending
const isOutside = (name) => !String(name).includes("@");

const PARTS = [["waiting", "waiting"], ["active", "in hand"], ["held", "held"], ["scheduled", "scheduled"]];

function merge(states, sums) {
	const all = new Map((sums || []).filter((r) => isOutside(r.destination)).map((r) => [r.destination, { state: "up", limit: 0, left: 0, reply: "", ...r }]));
	for (const r of states || [])
		if (isOutside(r.destination))
			all.set(r.destination, { waiting: 0, held: 0, scheduled: 0, next: 0, ...all.get(r.destination), ...r });
	const rank = { down: 0, slow: 1 };
	return [...all.values()].sort((a, b) => (rank[a.state] ?? 2) - (rank[b.state] ?? 2) || Number(b.waiting) - Number(a.waiting));
}

export function Destinations() {
	const states = useAsk("destination list", {}, { every: 15 }), sums = useAsk(can("queue list") ? "queue list" : null, { by: "destination" }, { every: 15 }), [dialog, open] = useDialog();
	const rows = useMemo(() => merge(states.data, sums.data), [states.data, sums.data]);
	const both = { ...states, data: states.data && (sums.data || sums.error || !can("queue list")) ? rows : null };
	const reload = () => {
		states.reload();
		sums.reload();
	};
	const retry = (r) => open((close) => html`<${Confirm} title=${`Try ${r.destination} now?`} button="Try now" danger=${false} act=${() => change("queue retry", { domain: r.destination, state: "waiting" })} done=${(said) => `${f.plural(Number(said.recipients ?? r.waiting), "recipient")} of ${r.destination}: tried now`} onClose=${close} onDone=${reload}>
		<p>All that waits for it is tried at once instead of at its next time${r.state === "down" && Number(r.left) ? `; a server that could not be reached is left alone until its time is over, ${f.span(r.left)} more` : ""}.</p><//>`);
	return html`${sums.error && html`<${Problem} error=${sums.error} again=${sums.reload} />`}<${Card} label="Destinations" pad=${false}><${Answer} ask=${both}>${(all) => html`<${Table} label="Destinations" rows=${all} find="Find a destination" rowKey=${(r) => r.destination}
		empty=${html`<${Empty} icon="done" title="Nothing waits for other domains"><p>A destination is listed while it has mail in the queue, or does not take any.</p><//>`}
		columns=${[{ key: "destination", label: "Destination", lead: true, cell: (r) => (can("queue list") ? html`<a class="main" href=${link("queue", "", { domain: r.destination })}><${Soft} text=${r.destination} /></a>` : html`<span class="main">${r.destination}</span>`) },
			{ key: "state", label: "State", cell: (r) => html`<${Badge} word=${r.state} />${Number(r.left) > 0 && html`<br /><span class="small soft nowrap">${f.span(r.left)} more</span>`}` },
			{ key: "waiting", label: "Mail", value: (r) => PARTS.reduce((n, [k]) => n + Number(r[k] || 0), 0), cell: (r) => PARTS.filter(([k]) => Number(r[k]) > 0).map(([k, w]) => `${f.count(r[k])} ${w}`).join(", ") || html`<span class="soft">none</span>` },
			{ key: "limit", label: "Limit", value: (r) => Number(r.limit), cell: (r) => (Number(r.limit) ? `${f.count(r.limit)} at once` : html`<span class="soft">none</span>`) }, { key: "reply", label: "What it said", cls: "wide" }]}
		actions=${(can("queue retry") || can("queue reroute")) && ((r) => Number(r.waiting) + Number(r.scheduled || 0) > 0 && html`${can("queue retry") && Number(r.waiting) > 0 && html`<button type="button" class="mini" aria-label=${`Try ${r.destination} now`} onClick=${() => retry(r)}>Try now</button>`}
			${can("queue reroute") && html`<button type="button" class="mini" aria-label=${`Another way for ${r.destination}`} onClick=${() => rerouteDialog(open, { domain: r.destination }, `Mail for ${r.destination}`, reload)}>Another way …</button>`}`)} />`}<//><//>${dialog}`;
}
