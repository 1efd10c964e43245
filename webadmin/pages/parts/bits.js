// SPDX-License-Identifier: ISC
// bits.js: the small pieces that every screen is made of.
import { html, useState, useEffect, useRef } from "../lib/dom.js";
import * as f from "../lib/format.js";
import { Icon } from "./icons.js";
import { say } from "./toast.js";

// The head of a screen: its title (which takes the focus when the place changes), a sentence, buttons
export function Head({ title, text, crumbs, children }) {
	const h1 = useRef();
	useEffect(() => {
		document.title = `${title} · Mansio`;
	}, [title]);
	return html`<div class="head">
		<div>
			${crumbs && html`<p class="crumbs">${crumbs}</p>`}
			<h1 ref=${h1} tabindex="-1">${title}</h1>
			${text && html`<p>${text}</p>`}
		</div>
		${children && html`<div class="row">${children}</div>`}
	</div>`;
}

export function Card({ title, text, tools, children, pad = true, label }) {
	return html`<section class="card" aria-label=${label || title}>
		${title && html`<header><h2>${title}</h2>${tools && html`<div class="row">${tools}</div>`}${text && html`<p>${text}</p>`}</header>`}
		${pad ? html`<div class="body">${children}</div>` : children}
	</section>`;
}

const MOOD = { ok: "ok", pass: "ok", good: "ok", running: "ok", ready: "ok", delivered: "ok", done: "ok", yes: "ok", valid: "ok", sent: "ok",
	up: "ok", idle: "ok", live: "ok", verified: "ok", complete: "ok", warn: "warn", warning: "warn", waiting: "warn", deferred: "warn", held: "warn", hold: "warn", slow: "warn", retired: "",
	starting: "warn", soon: "warn", fail: "bad", failed: "bad", error: "bad", broken: "bad", bounced: "bad", rejected: "bad", refused: "bad",
	damaged: "bad", expired: "bad", dead: "bad", down: "bad", reject: "bad", allow: "ok", scheduled: "info", throttled: "warn", posting: "info", resolving: "info", active: "info", info: "info", trying: "info", started: "info", accepted: "info" };
export const moodOf = (word) => MOOD[String(word ?? "").toLowerCase()] || "";

// An address breaks before its @ or a dot, if it must
export const Soft = ({ text }) => String(text ?? "").split(/(?=[@.])/).map((part, i) => (i ? html`<wbr />${part}` : part));

export const Badge = ({ word, mood, plain }) =>
	html`<span class=${"badge " + (mood ?? moodOf(word)) + (plain ? " plain" : "")}>${word === "" || word === undefined ? "–" : String(word)}</span>`;

export const Time = ({ at, relative }) =>
	f.when(at) === "–" ? html`<span class="soft">–</span>`
		: html`<time class="nowrap" datetime=${new Date(Number(at) * 1000).toISOString()} title=${f.exactly(at)}>${relative ? f.ago(at) : f.when(at)}</time>`;

export const Note = ({ mood = "info", children }) =>
	html`<div class=${"note " + mood} role=${mood === "bad" ? "alert" : undefined}>
		<${Icon} name=${mood === "bad" ? "bad" : mood === "warn" ? "warn" : mood === "ok" ? "done" : "about"} /><div>${children}</div></div>`;

export const Problem = ({ error, again }) => !error ? null
	: html`<${Note} mood="bad">${error.message}${again && html` <button type="button" class="link" onClick=${again}>Try again</button>`}<//>`;

export const Empty = ({ icon = "about", title, children }) =>
	html`<div class="empty"><${Icon} name=${icon} /><p class="title">${title}</p>${children}</div>`;

export const Wait = () => html`<div class="wait" role="status"><span class="visually-hidden">Loading</span><i></i><i></i><i></i><i></i></div>`;

// What was asked for: the wait, the failure, or the screen itself
export function Answer({ ask, children }) {
	if (ask.data === null || (!ask.fresh && ask.loading))
		return ask.error ? html`<div class="card"><div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div></div>` : html`<${Wait} />`;
	return html`${ask.error && html`<${Problem} error=${ask.error} again=${ask.reload} />`}${children(ask.data)}`;
}

export function Copy({ text, what = "" }) {
	const [done, set] = useState(false);
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(text);
		} catch (e) {
			const area = document.createElement("textarea");
			area.value = text;
			(document.querySelector("dialog[open]") || document.body).append(area);
			area.select();
			document.execCommand("copy");
			area.remove();
		}
		set(true);
		say(what ? `${what} copied` : "Copied");
		setTimeout(() => set(false), 1500);
	};
	return html`<button type="button" class="mini quiet" onClick=${copy} aria-label=${`Copy ${what || text}`} title="Copy"><${Icon} name=${done ? "done" : "copy"} /></button>`;
}

export const Code = ({ text, what }) =>
	html`<div class="code"><pre class="mono">${text}</pre><${Copy} text=${text} what=${what} /></div>`;

export const Facts = ({ rows }) => html`<dl class="facts">
	${rows.filter(Boolean).map(([name, value]) => html`<dt>${name}</dt><dd>${value === "" || value === undefined || value === null ? html`<span class="soft">–</span>` : value}</dd>`)}</dl>`;

export function Meter({ part, label }) {
	const bar = useRef();
	const percent = Math.max(0, Math.min(100, Number.isFinite(part) ? part * 100 : 0));
	useEffect(() => bar.current.style.setProperty("--part", percent + "%"), [percent]);
	return html`<div ref=${bar} class=${"meter" + (percent >= 90 ? " bad" : "")} role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(percent)}><i></i></div>`;
}

export const Segments = ({ label, value, choices, onPick }) => html`<div class="segments" role="group" aria-label=${label}>
	${choices.map(([v, text]) => html`<button type="button" key=${v} aria-pressed=${String(v === value)} onClick=${() => onPick(v)}>${text}</button>`)}</div>`;

// The search of a screen; the key / goes there
export const Search = ({ value, onInput, label, hint }) => html`<div class="searchbox">
	<${Icon} name="search" />
	<input type="search" data-search aria-label=${label} placeholder=${hint || label} value=${value} maxlength="500" spellcheck=${false} autocomplete="off"
		onInput=${(e) => onInput(e.target.value)} onKeyDown=${(e) => e.key === "Escape" && value && (e.preventDefault(), onInput(""))} />
	<kbd aria-hidden="true">/</kbd></div>`;
