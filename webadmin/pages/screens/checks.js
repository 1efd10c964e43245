// SPDX-License-Identifier: ISC
// checks.js: is everything in order: this host, each domain's records, the certificates; and what
// changed since yesterday. A check says what is wrong in one sentence, and what to do.
import { html } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Answer, Empty, Copy, Time, Icon } from "../parts/all.js";
import { Table } from "../parts/table.js";

export const RANK = { FAIL: 0, WARN: 1, UNKNOWN: 2, OK: 3 };
export const worstFirst = (rows) => [...rows].sort((a, b) => (RANK[a.state] ?? 2) - (RANK[b.state] ?? 2));

export function Sum({ rows }) {
	const n = (s) => rows.filter((r) => r.state === s).length;
	return html`${n("FAIL") > 0 && html`<${Badge} mood="bad" word=${`${n("FAIL")} wrong`} />`}${n("WARN") > 0 && html`<${Badge} mood="warn" word=${`${n("WARN")} to look at`} />`}
		${n("UNKNOWN") > 0 && html`<${Badge} word=${`${n("UNKNOWN")} unknown`} />`}${!n("FAIL") && !n("WARN") && !n("UNKNOWN") && html`<${Badge} mood="ok" word="all good" />`}`;
}

export const Fix = ({ text }) => (text ? html`<span class="code"><span class="small">${text}</span><${Copy} text=${text} what="Fix" /></span>` : html`<span class="soft">–</span>`);

function Host() {
	const ask = useAsk("host check");
	return html`<${Card} title="This host" pad=${false} tools=${html`${ask.data && html`<${Sum} rows=${ask.data} />`}<button type="button" class="mini" disabled=${ask.loading} onClick=${ask.reload}><${Icon} name="reload" />Check again</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Checks of this host" rows=${worstFirst(rows)} empty=${html`<${Empty} title="Nothing was checked" />`} columns=${[
			{ key: "check", label: "Check", lead: true, cell: (r) => html`<span class="main">${r.check}</span>` }, { key: "state", label: "State", kind: "badge" },
			{ key: "words", label: "What was found", cls: "wide" }, { key: "fix", label: "What to do", cls: "wide", cell: (r) => html`<${Fix} text=${r.fix} />` }]} />`}<//><//>`;
}

function DomainLine({ domain }) {
	const ask = useAsk("domain check", { domain });
	return html`<li class="row between"><a href=${link("domain", domain)}>${domain}</a>
		${ask.error ? html`<span class="small">${ask.error.message}</span>` : ask.data ? html`<span class="row"><${Sum} rows=${ask.data} /></span>` : html`<span class="soft small">is being checked …</span>`}</li>`;
}

function Domains() {
	const ask = useAsk("domain list"), most = 20;
	return html`<${Card} title="Domains"><${Answer} ask=${ask}>${(rows) => !rows.length ? html`<${Empty} icon="domains" title="No domain yet"><p>Make the first under <a href="#/domains">Domains</a>.</p><//>`
		: html`<ul class="lines">${rows.slice(0, most).map((d) => html`<${DomainLine} key=${d.domain} domain=${d.domain} />`)}</ul>
			${rows.length > most && html`<p class="soft small">The first ${most} of ${f.count(rows.length)}; the others are checked on their own page.</p>`}`}<//><//>`;
}

function Certs() {
	const ask = useAsk("cert list");
	return html`<${Card} title="Certificates" tools=${html`<a href=${link("certs")}>All</a>`}><${Answer} ask=${ask}>${(rows) => {
		const bad = rows.filter((r) => r.state && r.state !== "OK"), soon = Math.min(...rows.map((r) => f.toNumber(r.days)).filter((d) => !Number.isNaN(d)));
		return html`<div class="row"><${Badge} mood=${bad.length ? "warn" : "ok"} word=${bad.length ? `${bad.length} to look at` : "all good"} />${Number.isFinite(soon) && html`<span class="soft">the first ends in ${f.plural(soon, "day")}</span>`}</div>`;
	}}<//><//>`;
}

function Changes() {
	const ask = useAsk("changes list");
	return html`<${Card} title="Changed since yesterday" pad=${false}><${Answer} ask=${ask}>${(rows) => html`<${Table} label="Changes since yesterday" rows=${rows}
		empty=${html`<${Empty} icon="done" title="Nothing changed"><p>Settings, accounts, certificates and processes are as they were yesterday.</p><//>`}
		columns=${[{ key: "time", label: "When", cell: (r) => html`<${Time} at=${r.time} />` }, { key: "kind", label: "What", kind: "badge" }, { key: "words", label: "Change", cls: "wide" }]} />`}<//><//>`;
}

export default function Checks() {
	return html`<${Head} title="Checks" text="What is wrong, in one sentence each, and what to do about it." />
		<div class="stack">
			${can("host check") && html`<${Host} />`}
			<div class="grid">${can("domain check") && can("domain list") && html`<${Domains} />`}${can("cert list") && html`<${Certs} />`}</div>
			${can("changes list") && html`<${Changes} />`}
		</div>`;
}
