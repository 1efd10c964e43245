// SPDX-License-Identifier: ISC
// log.js: the log as it is written: filtered by the server, held still while one reads. At most
// 2,000 lines are kept in the page.
import { html, useState, useEffect, useRef } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useStream } from "../lib/stream.js";
import { useStill } from "../lib/ask.js";
import { read } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Icon, Search, Problem, Copy } from "../parts/all.js";

const MOST = 2000;
const LEVELS = [["debug", "everything"], ["info", "info and worse"], ["warn", "warnings and errors"], ["error", "errors"]];

export default function Log() {
	const [level, setLevel] = useState("info"), [program, setProgram] = useState(""), [text, setText] = useState("");
	const [lines, setLines] = useState([]), [paused, setPaused] = useState(false), [error, setError] = useState(null), box = useRef(), held = useRef([]), still = useRef(false);
	const args = { level };
	const match = useStill(text.trim(), 400), only = useStill(program.trim(), 400);
	if (match)
		args.match = match;
	if (only)
		args.program = only;
	still.current = paused;
	const add = (rows) => setLines((all) => [...all, ...rows].slice(-MOST));
	useEffect(() => {
		let gone = false;
		setLines([]);
		held.current = [];
		setError(null);
		if (can("log list"))
			read("log list", { ...args, limit: 200 }).then((rows) => gone || setLines([...rows].sort((a, b) => a.time - b.time)), (e) => gone || setError(e));
		return () => {
			gone = true;
		};
	}, [JSON.stringify(args)]);
	// what comes within one frame is drawn at once
	const batch = useRef([]);
	const state = useStream("log follow", args, (row) => {
		if (still.current) {
			held.current = [...held.current, row].slice(-MOST);
			return;
		}
		if (batch.current.push(row) === 1)
			setTimeout(() => {
				add(batch.current);
				batch.current = [];
			}, 100);
	});
	useEffect(() => {
		if (!paused)
			box.current.scrollTop = box.current.scrollHeight;
	}, [lines, paused]);
	const resume = () => {
		add(held.current);
		held.current = [];
		setPaused(false);
	};
	return html`<${Head} title="Live log" text="What every process writes, as it happens." >
			<${Badge} word=${paused ? "paused" : state === "live" ? "live" : state === "broken" ? "interrupted" : "connecting"} mood=${paused ? "warn" : state === "live" ? "ok" : state === "broken" ? "warn" : ""} />
			<button type="button" aria-pressed=${String(paused)} onClick=${() => (paused ? resume() : setPaused(true))}><${Icon} name=${paused ? "play" : "pause"} />${paused ? "Go on" : "Pause"}</button><//>
		<${Card} label="Log" pad=${false}>
			<div class="filters"><${Search} label="Lines that contain" value=${text} onInput=${setText} />
				<input aria-label="Program" placeholder="Program, like smtpd" value=${program} spellcheck=${false} autocomplete="off" onInput=${(e) => setProgram(e.target.value)} />
				<select aria-label="Level" value=${level} onChange=${(e) => setLevel(e.target.value)}>${LEVELS.map(([v, t]) => html`<option key=${v} value=${v} selected=${v === level}>${t}</option>`)}</select>
				<button type="button" class="quiet" onClick=${() => setLines([])}>Clear</button><${Copy} text=${lines.map((r) => [f.time(r.time), r.level, r.program, r.event, r.text].join(" ")).join("\n")} what="The lines" /></div>
			${error && html`<div class="body"><${Problem} error=${error} /></div>`}
			<div class="log" ref=${box} tabindex="0" role="log" aria-label="Log lines" aria-live="off">
				${!lines.length && html`<p class="waiting"><span class="soft">Waiting for the next line …</span></p>`}
				${lines.map((r, i) => html`<p key=${i}><span class="soft" title=${f.exactly(r.time)}>${f.time(r.time)}</span><span class=${r.level}>${r.level}</span><span>${r.program}</span><span><b>${r.event}</b> ${r.text}</span></p>`)}</div><//>`;
}
