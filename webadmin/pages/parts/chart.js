// SPDX-License-Identifier: ISC
// chart.js: one uPlot chart that follows its box's width, the colours and new values.
// The library is loaded when the first chart is shown. Beside it stands a sentence for those who
// do not see it.
import { html, useEffect, useRef, useState } from "../lib/dom.js";

let loading = null;
const file = (name) => new URL(`../vendor/${name}`, import.meta.url).href;

function library() {
	loading = loading || new Promise((good, bad) => {
		const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: file("uplot.css") });
		const script = Object.assign(document.createElement("script"), { src: file("uplot.js") });
		script.onload = () => good(window.uPlot);
		script.onerror = () => bad(new Error("The charts could not be loaded."));
		document.head.append(sheet, script);
	});
	return loading;
}

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

// marks of the time axis in the user's own way
function marks(u, all) {
	const wide = u.scales.x.max - u.scales.x.min > 3 * 86400;
	return all.map((t) => (wide ? days : hours).format(t * 1000));
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(span, series, format, width, height) {
	const line = colour("--line"), soft = colour("--soft");
	const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
	return { width, height, cursor: { points: { size: 6 }, drag: { x: false, y: false } }, padding: [8, 16, 0, 0],
		scales: { x: { range: () => span.current }, y: { range: (u, min, max) => [0, max > 0 ? max * 1.1 : 1] } },
		axes: [{ ...axis, space: 72, size: 32, values: marks }, { ...axis, size: 60, values: (u, all) => all.map((v) => format(v)) }],
		series: [{ label: "Time", value: (u, t) => (t ? whole.format(t * 1000) : "–") }, ...series.map((s) => ({ label: s.label, stroke: colour(s.colour), width: 1.75, points: { show: false },
			fill: s.fill ? colour(s.colour) + "22" : undefined, value: (u, v) => (v === null || v === undefined ? "–" : format(v)) }))] };
}

// data: [times, values of series 1, ...]; series: [{label, colour: "--c1", fill}]; from, to: the time shown
export function Chart({ label, series, data, from, to, format = String, height = 180 }) {
	const box = useRef(), plot = useRef(null), latest = useRef(data), span = useRef([from, to]);
	span.current = [from, to];
	const [error, setError] = useState("");
	latest.current = data;
	useEffect(() => {
		let gone = false, watch = null, draw = null;
		library().then((U) => {
			if (gone)
				return;
			draw = () => {
				plot.current?.destroy();
				plot.current = new U(options(span, series, format, Math.max(160, box.current.clientWidth), height), latest.current, box.current);
			};
			draw();
			watch = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(160, box.current.clientWidth), height }));
			watch.observe(box.current);
			addEventListener("themechange", draw);
			matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
		}).catch((e) => setError(e.message));
		return () => {
			gone = true;
			watch?.disconnect();
			removeEventListener("themechange", draw);
			matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", draw);
			plot.current?.destroy();
			plot.current = null;
		};
	}, [series.map((s) => s.label).join(), height]);
	useEffect(() => {
		plot.current?.setData(data);
	}, [data]);
	const now = series.map((s, i) => {
		const v = data[i + 1]?.at(-1);
		return `${s.label}: ${v === undefined || v === null ? "unknown" : format(v)}`;
	}).join(", ");
	return html`<figure class="chart" role="img" aria-label=${`${label}. Latest values: ${now}`}>${error || html`<div ref=${box}></div>`}</figure>`;
}
