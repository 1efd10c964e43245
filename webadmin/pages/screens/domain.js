// SPDX-License-Identifier: ISC
// domain.js: one domain: whether the world finds it (each DNS record as it is and as it should
// be, to copy), where mail to unknown addresses goes, its people and aliases.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link, go } from "../lib/router.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Badge, Answer, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Facts, Copy, Segments, Code, Problem, Wait } from "../parts/all.js";
import { useServers } from "../parts/servers.js";
import { Dkim } from "./dkim.js";
import { TlsReports } from "./tlsreports.js";
import { Sum, worstFirst } from "./checks.js";
import { PeopleTable } from "./people.js";
import { AliasTable } from "./aliases.js";

function State({ domain }) {
	const ask = useAsk("domain check", { domain });
	return html`<${Card} title="DNS records" pad=${false} text="As other servers see them now." tools=${html`${ask.data && html`<${Sum} rows=${ask.data} />`}<button type="button" class="mini" disabled=${ask.loading} onClick=${ask.reload}><${Icon} name="reload" />${ask.loading ? "Looking …" : "Check again"}</button>`}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="DNS records" rows=${worstFirst(rows)} empty=${html`<${Empty} title="No record to check" />`} columns=${[
			{ key: "name", label: "Record", lead: true, cell: (r) => html`<span class="main">${r.type}</span> <span class="mono small">${r.name}</span>` }, { key: "state", label: "State", kind: "badge" },
			{ key: "words", label: "What was found", cls: "wide", cell: (r) => html`<span>${r.words}</span>${r.found && html`<br /><span class="mono small soft">${r.found}</span>`}` },
			{ key: "expected", label: "Should be", cls: "wide", cell: (r) => (r.expected ? html`<span class="code"><span class="mono small">${r.expected}</span><${Copy} text=${r.expected} what=${`${r.type} record`} /></span>` : "–") },
			{ key: "fix", label: "What to do", cls: "wide" }]} />`}<//><//>`;
}

function Records({ domain }) {
	const ask = useAsk("domain dns", { domain });
	const all = (rows) => rows.map((r) => `${r.name} IN ${r.type} ${r.value}`).join("\n");
	return html`<${Card} title="Records to publish" pad=${false} tools=${ask.data?.length ? html`<${Copy} text=${all(ask.data)} what="All records" />` : null}>
		<${Answer} ask=${ask}>${(rows) => html`<${Table} label="Records to publish" rows=${rows} empty=${html`<${Empty} title="None" />`} columns=${[
			{ key: "name", label: "Name", lead: true, cell: (r) => html`<span class="mono small">${r.name}</span>` }, { key: "type", label: "Type" },
			{ key: "value", label: "Value", cls: "wide", cell: (r) => html`<span class="code"><span class="mono small">${r.value}</span><${Copy} text=${r.value} what=${`${r.type} value`} /></span>` },
			{ key: "need", label: "Needed", kind: "badge" }, { key: "why", label: "Why", cls: "wide" }]} />`}<//><//>`;
}

function Clients({ domain }) {
	const servers = useServers(`postmaster@${domain}`);
	return html`<${Card} title="Mail programs">
		<p class="soft">They find their settings from the mail address alone. By hand: the user name is the whole address.</p>
		<${Facts} rows=${[...servers,
			["iPhone, Mac", html`<${Code} text=${`https://${location.host}/apple.mobileconfig?address=NAME@${domain}`} what="Link" />`]]} /><//>`;
}

export default function Domain({ id }) {
	const ask = useAsk("domain show", { domain: id }), [tab, setTab] = useState(can("domain check") ? "dns" : "people"), [dialog, open] = useDialog();
	const edit = (d) => open((close) => html`<${VerbDialog} verb="domain change" title=${`Change ${id}`} fixed=${{ domain: id }} changes=${true} button="Save" done="Saved" onClose=${close} onDone=${ask.reload}
		initial=${{ catchall: d.catchall, active: f.yes(d.active) }} fields=${{ active: { label: "Takes mail and logins" }, catchall: { placeholder: `postmaster@${id}` } }} />`);
	const remove = () => open((close) => html`<${Confirm} title=${`Remove ${id}?`} button="Remove" act=${() => change("domain remove", { domain: id })} done=${`${id} is gone`} onClose=${close} onDone=${() => go("domains")}>
		<p>Only a domain without people and aliases can be removed. Mail for it is refused from then on.</p><//>`);
	const tabs = [can("domain check") && ["dns", "DNS"], can("user list") && ["people", "People"], can("alias list") && ["aliases", "Aliases"], ["clients", "Mail programs"], can("report list") && ["tls", "TLS reports"]].filter(Boolean);
	return html`<${Head} title=${id} crumbs=${html`<a href=${link("domains")}>Domains</a>`}>
			${ask.data && can("domain change") && html`<button type="button" onClick=${() => edit(ask.data)}>Change</button>`}
			${ask.data && can("domain remove") && html`<button type="button" class="danger" onClick=${remove}>Remove</button>`}<//>
		<${Problem} error=${ask.error} again=${ask.reload} />
		${!ask.data ? !ask.error && html`<${Wait} />` : html`<div class="stack"><${Card} label="Overview"><${Facts} rows=${[["State", html`<${Badge} word=${f.yes(ask.data.active) ? "active" : "off"} mood=${f.yes(ask.data.active) ? "ok" : "warn"} />`],
			["Catch-all", ask.data.catchall || html`<span class="soft">nobody: mail to unknown addresses is refused</span>`], ["People", f.count(ask.data.users)], ["Aliases", f.count(ask.data.aliases)]]} /><//>
			<div><${Segments} label="Part" value=${tab} choices=${tabs} onPick=${setTab} /></div>
			${tab === "dns" && html`<${State} domain=${id} />${can("dkim list") && html`<${Dkim} domain=${id} />`}${can("domain dns") && html`<${Records} domain=${id} />`}`}
			${tab === "people" && html`<${PeopleTable} domain=${id} />`}
			${tab === "aliases" && html`<${AliasTable} domain=${id} />`}
			${tab === "tls" && html`<${TlsReports} domain=${id} />`}
			${tab === "clients" && html`<${Clients} domain=${id} />`}</div>`}${dialog}`;
}
