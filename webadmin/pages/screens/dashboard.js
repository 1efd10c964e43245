// SPDX-License-Identifier: ISC
// dashboard.js: how the host is doing: the newest values as they come (stats live), their history
// (stats show; one hour to ninety days), and each process of the suite.
import { html, useState, useMemo, useEffect } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { useStream } from "../lib/stream.js";
import { setQuery } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Problem, Segments, Wait, Empty } from "../parts/bits.js";
import { Chart } from "../parts/chart.js";
import { Table } from "../parts/table.js";

const RANGES = { "1h": ["1 hour", 3600], "6h": ["6 hours", 21600], "1d": ["1 day", 86400], "7d": ["7 days", 604800], "30d": ["30 days", 2592000], "90d": ["90 days", 7776000] };
const percent = (v) => `${f.some(v)} %`;
// part: the second name is the whole, shown in percent
const CHARTS = [
	{ title: "Mail per minute", format: f.some, series: [["in", "In", "--c1", true], ["out", "Out", "--c2"], ["rejected", "Rejected", "--c3"]], rate: true },
	{ title: "Queue", format: f.some, series: [["queue", "Messages waiting", "--c4", true]] },
	{ title: "Sessions", format: f.some, series: [["sessions", "Connections", "--c2", true]] },
	{ title: "Delivery time", format: f.milliseconds, series: [["delivery_p50", "Half of all within", "--c1"], ["delivery_p95", "95 % within", "--c3"]] },
	{ title: "Failed logins per minute", format: f.some, series: [["failed_logins", "Failed logins", "--c3", true]], rate: true },
	{ title: "Processor", format: percent, series: [["cpu", "Processor", "--c2", true]] },
	{ title: "Memory of the suite", format: f.bytes, series: [["memory", "Memory", "--c4", true]] },
	{ title: "Disk used", format: percent, series: [["disk_used", "Disk", "--c1", true]], of: "disk_total" },
];

const num = (v) => {
	const n = f.toNumber(v);
	return Number.isNaN(n) ? null : n;
};

function columns(chart, rows) {
	const out = [rows.map((r) => num(r.time))];
	// counters are of a step, which need not be a minute
	const step = rows.length > 1 ? Math.max(1, out[0][1] - out[0][0]) : 60;
	for (const [key] of chart.series)
		out.push(rows.map((r) => {
			const v = num(r[key]);
			return v === null ? null : chart.rate ? (v * 60) / step : chart.of ? (num(r[chart.of]) ? (100 * v) / num(r[chart.of]) : null) : v;
		}));
	return out;
}

// all of a counter in the minute before the newest row: from the history, and from what came since
function lastMinute(key, past, live) {
	const newest = num(live.at(-1)?.time ?? past.at(-1)?.time) || 0, begun = num(live[0]?.time) ?? newest + 1;
	const rows = [...past.filter((r) => r.time > newest - 60 && r.time < begun), ...live.filter((r) => r.time > newest - 60)];
	return rows.reduce((sum, r) => sum + (num(r[key]) || 0), 0);
}

function Tiles({ row, past, live }) {
	const known = (k) => row && num(row[k]) !== null;
	const rate = (k) => lastMinute(k, past, live);
	const tiles = [["in", "In, last minute", () => f.count(rate("in"))], ["out", "Out, last minute", () => f.count(rate("out"))],
		["rejected", "Rejected, last minute", () => f.count(rate("rejected"))], ["queue", "In the queue", () => f.count(row.queue)],
		["sessions", "Connections", () => f.count(row.sessions)], ["cpu", "Processor", () => percent(row.cpu)],
		["memory", "Memory of the suite", () => f.bytes(row.memory), () => (num(row.memory_total) ? `of ${f.bytes(row.memory_total)}` : "")], ["disk_used", "Disk used", () => percent((100 * row.disk_used) / row.disk_total), () => `${f.bytes(row.disk_used)} of ${f.bytes(row.disk_total)}`]];
	return html`<div class="tiles" aria-label="Now">${tiles.map(([key, label, text, more]) => html`<div class="tile" key=${key}>
		<div class="label">${label}</div><div class="value">${known(key) ? text() : "–"}</div>${more && known(key) && html`<div class="more">${more()}</div>`}</div>`)}</div>`;
}

function Charts({ range }) {
	const [label, seconds] = RANGES[range];
	const [until, setUntil] = useState(() => Math.floor(Date.now() / 1000));
	useEffect(() => {
		const timer = setInterval(() => document.hidden || setUntil(Math.floor(Date.now() / 1000)), Math.max(30, seconds / 120) * 1000);
		return () => clearInterval(timer);
	}, [seconds]);
	// how fine the steps are, the server knows best
	const past = useAsk("stats show", { since: until - seconds, until });
	const [live, setLive] = useState([]);
	const state = useStream("stats live", {}, (row) => setLive((all) => [...all.slice(-299), row]), can("stats live"));
	const fresh = live.at(-1) || past.data?.at(-1);
	// the charts follow after a while; the numbers above them at once
	const rows = past.data || [];
	const data = useMemo(() => CHARTS.map((c) => columns(c, rows)), [past.data]);
	const have = CHARTS.map((c, i) => [c, data[i]]).filter(([c]) => !rows.length || c.series.some(([k]) => k in rows[0]));
	return html`<${Tiles} row=${fresh} past=${past.data || []} live=${live} />
		${can("stats live") && html`<p class="row small soft" role="status">${state === "live" ? html`<${Badge} word="live" />` : state === "broken" ? html`<${Badge} word="interrupted" mood="warn" /> The numbers come again by themselves.` : html`<${Badge} word="connecting" />`}</p>`}
		<${Problem} error=${past.error} again=${past.reload} />
		${past.data === null && !past.error ? html`<${Wait} />` : !rows.length ? html`<div class="card"><${Empty} icon="dashboard" title="No history yet"><p>It fills while the suite runs; look again in a minute.</p><//></div>`
		: html`<div class="grid even">${have.map(([c, d]) => html`<${Card} key=${c.title} title=${c.title} pad=${false}>
			<${Chart} label=${`${c.title}, ${label}`} data=${d} format=${c.format} from=${until - seconds} to=${until} series=${c.series.map(([, text, colour, fill]) => ({ label: text, colour, fill }))} /><//>`)}</div>`}`;
}

function Processes() {
	const ask = useAsk("status", {}, { every: 10 });
	if (!ask.data)
		return ask.error ? html`<${Problem} error=${ask.error} again=${ask.reload} />` : html`<${Wait} />`;
	const bad = ask.data.filter((r) => !["ready", "running"].includes(r.state));
	return html`<${Card} title="Processes" pad=${false} tools=${html`<${Badge} word=${bad.length ? `${bad.length} not ready` : "all ready"} mood=${bad.length ? "warn" : "ok"} />`}>
		<${Table} label="Processes of the suite" rows=${ask.data} page=${25} empty=${html`<${Empty} title="No process" />`} columns=${[
			{ key: "process", label: "Process", lead: true, cell: (r) => html`<span class="main">${r.process}</span>${Number(r.instance) ? html` <span class="soft">${r.instance}</span>` : ""}` },
			{ key: "state", label: "State", kind: "badge" }, { key: "pid", label: "Pid", cell: (r) => r.pid, cls: "num" }, { key: "age", label: "Runs for", kind: "age" },
			{ key: "sessions", label: "Sessions", kind: "number" }, { key: "restarts", label: "Restarts", kind: "number" }, { key: "note", label: "Note" }]} /><//>`;
}

export default function Dashboard({ query }) {
	const [range, setRange] = useState(RANGES[query.range] ? query.range : "1h");
	return html`<${Head} title="Dashboard" text="What goes in and out, and how the host bears it.">
			${can("stats show") && html`<${Segments} label="Time shown" value=${range} choices=${Object.entries(RANGES).map(([k, v]) => [k, v[0]])} onPick=${(r) => { setRange(r); setQuery({ range: r }); }} />`}<//>
		<div class="stack">
			${can("stats show") && html`<${Charts} key=${range} range=${range} />`}
			${can("status") && html`<${Processes} />`}
		</div>`;
}
