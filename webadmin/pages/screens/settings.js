// SPDX-License-Identifier: ISC
// settings.js: every setting: what it is, its value, where that comes from, the default; set it,
// put it back, see who changed what, and undo that.
import { html, useState, useMemo } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Empty, Table, VerbDialog, Confirm, useDialog, Badge, Segments, Search, Note, Icon, Facts } from "../parts/all.js";

const isSet = (r) => String(r.source || "default") !== "default";
const restart = (r) => /restart/i.test(r.when || "");
const shown = (v) => (v === "" || v === undefined || v === null ? html`<span class="soft">empty</span>` : html`<code>${String(v)}</code>`);

function Row({ r, onEdit, onUnset }) {
	return html`<li class="setting"><div class="grow"><h3><code>${r.key}</code>${isSet(r) && html` <${Badge} word=${/default/.test(r.source) ? r.source : "set"} mood="info" plain=${true} />`}${restart(r) && html` <${Badge} word="needs a restart" plain=${true} mood="" />`}</h3><p class="soft small">${r.text}</p>
			<p class="small">${shown(r.value)}${String(r.value ?? "") !== String(r.default ?? "") ? html`<span class="soft"> · default: </span>${shown(r.default)}${isSet(r) && r.source !== "set" && html`<span class="soft"> · ${String(r.source).split("/").at(-1)}</span>`}` : html`<span class="soft"> · the default</span>`}</p></div>
		<span class="row">${r.editable === "no" ? html`<span class="soft small">on the host only</span>` : can("config set") && html`<button type="button" class="mini" aria-label=${`Change ${r.key}`} onClick=${() => onEdit(r)}>Change</button>`}
			${can("config unset") && isSet(r) && r.editable !== "no" && html`<button type="button" class="mini" aria-label=${`Put ${r.key} back`} onClick=${() => onUnset(r)}><${Icon} name="undo" />Default</button>`}</span></li>`;
}

function List({ changed, find, onChanged, onRestart }) {
	const ask = useAsk("config list"), [text, setText] = useState(find), [dialog, open] = useDialog();
	const after = (r) => {
		ask.reload();
		onChanged();
		if (restart(r))
			onRestart();
	};
	const edit = (r) => open((close) => html`<${VerbDialog} verb="config set" title=${r.key} text=${r.text} fixed=${{ key: r.key }} initial=${{ value: String(r.value ?? "") }} button="Save" done=${`${r.key} is changed${restart(r) ? "; it counts after a restart" : ""}`} onClose=${close} onDone=${() => after(r)}
		changes=${true} fields=${{ value: { hint: `Default: ${r.default === "" ? "empty" : r.default}.${r.limits ? ` From ${String(r.limits).replace("..", " to ")}.` : ""}`, ...(r.words || r.type === "bool" ? { choices: (r.words || "yes|no").split("|").map((w) => [w, w]) } : {}) } }} />`);
	const unset = (r) => open((close) => html`<${Confirm} title=${`${r.key}: back to the default?`} button="Back to the default" danger=${false} act=${() => change("config unset", { key: r.key })} done=${`${r.key} is the default again`} onClose=${close} onDone=${() => after(r)}>
		<${Facts} rows=${[["Now", shown(r.value)], ["Then", shown(r.default)]]} /><//>`);
	const groups = useMemo(() => {
		const words = text.toLowerCase().split(/\s+/).filter(Boolean), out = new Map();
		for (const r of ask.data || [])
			if ((!changed || isSet(r)) && words.every((w) => `${r.key} ${r.text} ${r.value}`.toLowerCase().includes(w))) {
				const group = String(r.key).split(".")[0];
				out.set(group, [...(out.get(group) || []), r]);
			}
		return [...out];
	}, [ask.data, text, changed]);
	return html`<div class="stack"><${Card} label="Find"><${Search} label="Find a setting" hint="Name, words of its explanation, or value" value=${text} onInput=${setText} /><//>
		<${Answer} ask=${ask}>${() => (groups.length ? groups.map(([group, rows]) => html`<${Card} key=${group} title=${group} pad=${false} tools=${html`<span class="soft small">${f.plural(rows.length, "setting")}</span>`}>
			<ul class="settings">${rows.map((r) => html`<${Row} key=${r.key} r=${r} onEdit=${edit} onUnset=${unset} />`)}</ul><//>`)
			: html`<div class="card"><${Empty} icon="settings" title="No setting found"><p>${changed && !text ? "Every setting has its default." : "Try another word."}</p><//></div>`)}<//></div>${dialog}`;
}

function History({ onChanged }) {
	const ask = useAsk("config history"), [dialog, open] = useDialog();
	const undo = (r) => open((close) => html`<${Confirm} title="Undo this change?" button="Undo" danger=${false} act=${() => change("config undo", { id: r.id })} done="Undone" onClose=${close} onDone=${() => { ask.reload(); onChanged(); }}>
		<${Facts} rows=${Object.entries(r).filter(([k]) => !["id", "time", "since"].includes(k)).map(([k, v]) => [k, shown(v)])} /><//>`);
	return html`<${Card} title="History" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Changes of settings" rows=${rows} empty=${html`<${Empty} icon="undo" title="Nothing was changed yet"><p>Each change made here or with the command is listed, and can be undone.</p><//>`}
		columns=${[{ key: "key", label: "Setting", lead: true, cell: (r) => html`<code class="main">${r.key}</code>` }, { key: "time", label: "When", kind: "time" }, { key: "who", label: "Who" }, { key: "verb", label: "By" }, { key: "from", label: "Was", cls: "wide", cell: (r) => shown(r.from) }, { key: "to", label: "Became", cls: "wide", cell: (r) => shown(r.to) }]}
		actions=${can("config undo") && ((r) => html`<button type="button" class="mini" onClick=${() => undo(r)}><${Icon} name="undo" />Undo</button>`)} />`}<//><//>${dialog}`;
}

export default function Settings({ query }) {
	const [view, setView] = useState(query.view || "all"), [needs, setNeeds] = useState(false), [turn, setTurn] = useState(0);
	const views = [["all", "All"], ["changed", "Changed"], can("config history") && ["history", "History"]].filter(Boolean);
	return html`<${Head} title="Settings" text="What is written here stands in the settings file as well."><${Segments} label="View" value=${view} choices=${views} onPick=${setView} /><//>
		<div class="stack">${needs && html`<${Note} mood="warn">A change counts only after a restart of the suite: <code>systemctl restart mansio</code><//>`}
			${view === "history" ? html`<${History} key=${turn} onChanged=${() => setTurn(turn + 1)} />` : html`<${List} key=${"list"} find=${query.find || ""} changed=${view === "changed"} onChanged=${() => {}} onRestart=${() => setNeeds(true)} />`}</div>`;
}
