// SPDX-License-Identifier: ISC
// table.js: rows as a table, on phones as cards. Sorted by a click on a column's head, filtered by
// a text, and shown a page at a time: ten thousand rows cost no more than a hundred. Rows that the
// server pages (limit, after) come with `more`.
//
// columns: { key, label, kind: text|number|size|time|ago|age|badge|list, cell(row), value(row), lead, cls }
// A column whose key the answer does not have is left out.
import { html, useState, useMemo, useEffect } from "../lib/dom.js";
import * as f from "../lib/format.js";
import { Badge, Time, Search, Soft } from "./bits.js";
import { Icon } from "./icons.js";

export const PAGE = 50;
const NUMERIC = new Set(["number", "size", "age"]);

function show(kind, value) {
	switch (kind) {
	case "number": return f.count(value);
	case "size": return f.bytes(value);
	case "age": return f.span(value);
	case "time": return html`<${Time} at=${value} />`;
	case "ago": return html`<${Time} at=${value} relative=${true} />`;
	case "badge": return html`<${Badge} word=${value} />`;
	case "list": return f.list(value).length ? html`<${Soft} text=${f.list(value).join(", ")} />` : "–";
	default: return value === "" || value === null || value === undefined ? "–" : html`<${Soft} text=${Array.isArray(value) ? value.join(", ") : value} />`;
	}
}

const valueOf = (c, row) => (c.value ? c.value(row) : row[c.key]);
const isBlank = (v) => v === "" || v === null || v === undefined;

function order(c, down) {
	const numeric = NUMERIC.has(c.kind) || c.kind === "time" || c.kind === "ago";
	return (a, b) => {
		let x = valueOf(c, a), y = valueOf(c, b);
		const way = down ? -1 : 1;
		if (numeric) {
			x = f.toNumber(x);
			y = f.toNumber(y);
			return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : way * (x - y);
		}
		return way * String(x ?? "").localeCompare(String(y ?? ""), undefined, { numeric: true });
	};
}

function usePresent(columns, rows) {
	return columns.filter((c) => c && (c.value || (c.cell && !c.key) || !rows.length || rows.slice(0, 20).some((r) => c.key in r)));
}

function HeadCell({ c, sort, onSort }) {
	const cls = (NUMERIC.has(c.kind) ? "right" : "") + (c.cls ? " " + c.cls : "");
	if (!c.label || c.sortable === false)
		return html`<th role="columnheader" scope="col" class=${cls}>${c.label || html`<span class="visually-hidden">Actions</span>`}</th>`;
	const mine = sort && sort.key === (c.key || c.label);
	return html`<th role="columnheader" scope="col" class=${cls} aria-sort=${mine ? (sort.down ? "descending" : "ascending") : undefined}>
		<button type="button" onClick=${() => onSort(c.key || c.label)}>${c.label}${mine && html`<${Icon} name=${sort.down ? "down" : "up"} />`}</button></th>`;
}

// label: of the whole table; find: label of its own search, if it has one; tools: more beside it;
// actions(row): buttons at the end of a row; start: the sort at first
export function Table({ label, columns, rows, find, tools, actions, empty, start, more, page = PAGE, rowKey }) {
	const [text, setText] = useState(""), [sort, setSort] = useState(start || null), [at, setAt] = useState(0);
	const present = usePresent(columns, rows);
	const shown = useMemo(() => {
		let out = rows;
		const words = text.toLowerCase().split(/\s+/).filter(Boolean);
		if (words.length)
			out = out.filter((r) => {
				const all = Object.values(r).join("\n").toLowerCase();
				return words.every((w) => all.includes(w));
			});
		const c = sort && present.find((p) => (p.key || p.label) === sort.key);
		return c ? [...out].sort(order(c, sort.down)) : out;
	}, [rows, text, sort]);
	const last = Math.max(0, Math.ceil(shown.length / page) - 1), here = Math.min(at, last);
	useEffect(() => setAt(0), [text, sort]);
	const seen = shown.slice(here * page, here * page + page);
	const onSort = (key) => setSort((s) => (s && s.key === key ? { key, down: !s.down } : { key, down: false }));
	return html`
		${(find || tools) && html`<div class="filters">
			${find && html`<${Search} label=${find} value=${text} onInput=${setText} />`}${tools}</div>`}
		${!shown.length
			? (text ? html`<div class="empty"><p>Nothing of the ${f.count(rows.length)} rows has “${text}”.</p><button type="button" onClick=${() => setText("")}>Show all</button></div>` : empty)
			: html`<div class="table-box" tabindex="-1"><table role="table" aria-label=${label}>
				<thead role="rowgroup"><tr role="row">
					${present.map((c) => html`<${HeadCell} key=${c.key || c.label} c=${c} sort=${sort} onSort=${onSort} />`)}
					${actions && html`<${HeadCell} c=${{}} />`}</tr></thead>
				<tbody role="rowgroup">${seen.map((row, i) => html`<tr role="row" key=${rowKey ? rowKey(row) : here * page + i}>
					${present.map((c) => html`<td role="cell" data-label=${c.label} class=${[NUMERIC.has(c.kind) ? "right num" : "", c.lead ? "lead" : "", c.cls || "",
						!c.cell && isBlank(valueOf(c, row)) ? "blank" : ""].join(" ").trim()}>
						<span>${c.cell ? c.cell(row) : show(c.kind, valueOf(c, row))}</span></td>`)}
					${actions && html`<td role="cell" class="actions"><div class="row">${actions(row)}</div></td>`}</tr>`)}
				</tbody></table></div>`}
		<${Pager} here=${here} last=${last} total=${shown.length} page=${page} onGo=${setAt} more=${more} text=${text} />`;
}

function Pager({ here, last, total, page, onGo, more, text }) {
	if (!total || (last === 0 && !more))
		return html`<p class="visually-hidden" aria-live="polite">${f.plural(total, "row")}</p>`;
	const from = here * page + 1, to = Math.min(total, from + page - 1);
	return html`<div class="pager"><span aria-live="polite">${f.count(from)}–${f.count(to)} of ${more ? "the first " : ""}${f.count(total)}${text ? " found" : ""}</span>
		<span class="row">
			${more && here === last && html`<button type="button" class="mini" onClick=${more}>Load more</button>`}
			<button type="button" class="mini" disabled=${here === 0} onClick=${() => onGo(0)}>First</button>
			<button type="button" class="mini" disabled=${here === 0} onClick=${() => onGo(here - 1)}>Previous</button>
			<button type="button" class="mini" disabled=${here === last} onClick=${() => onGo(here + 1)}>Next</button>
			<button type="button" class="mini" disabled=${here === last} onClick=${() => onGo(last)}>Last</button>
		</span></div>`;
}
