// SPDX-License-Identifier: ISC
// sending.js: how mail leaves for other domains, in parts: the way out with a try at one address,
// destinations, routes, rules, the suppression list, and what is told about all of it. Each part is
// there for those who may use its verb; which one is open stands in the address (?tab=).
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { go } from "../lib/router.js";
import { change } from "../lib/api.js";
import * as f from "../lib/format.js";
import { Head, Card, Answer, Badge, Dialog, Facts, Note, Problem, Segments, Table, Field, useDialog, say, Wait } from "../parts/all.js";
import { Destinations } from "./destinations.js";
import { Routes } from "./routes.js";
import { Rules } from "./rules.js";
import { Suppressed } from "./suppressed.js";
import { Reports } from "./reports.js";

const TABS = [["way", "Way out", ["config list", "test delivery"]], ["destinations", "Destinations", ["destination list"]], ["routes", "Routes", ["route list"]], ["rules", "Rules", ["access list", "rewrite list"]],
	["suppressed", "Suppressed", ["suppression list"]], ["reports", "Reports", ["webhook list", "accounting list", "report list"]]];

const WAYS = [["direct", "Straight to the servers of each domain (MX)"], ["smarthost", "By one server that takes all (smarthost)"], ["none", "Not at all: mail to other domains is refused"]];
const wayOf = (s) => (s("smarthost") ? "smarthost" : f.yes(s("direct")) ? "direct" : "none");

// Which way mail leaves, as two settings: the new way is there before the old one goes
function WayDialog({ value, onClose, onDone }) {
	const [way, setWay] = useState(wayOf(value)), [host, setHost] = useState(value("smarthost")), [busy, setBusy] = useState(false), [error, setError] = useState(null);
	const submit = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		try {
			const direct = way === "direct" ? "yes" : "no";
			if (way === "smarthost" && host.trim() !== value("smarthost"))
				await change("config set", { key: "send.smarthost", value: host.trim() });
			if (way !== "smarthost" && f.yes(value("direct")) !== (way === "direct"))
				await change("config set", { key: "send.direct", value: direct });
			if (way !== "smarthost" && value("smarthost"))
				await change("config unset", { key: "send.smarthost" });
			say("The way out is changed");
			onClose();
			onDone();
		} catch (failed) {
			setError(failed);
			setBusy(false);
		}
	};
	return html`<${Dialog} title="Way out" onClose=${onClose}><form class="form" onSubmit=${submit}>
		<${Field} field=${{ name: "way", label: "Mail to other domains leaves", kind: "choice", choices: WAYS, quiet: true }} value=${way} onInput=${setWay} />
		${way === "smarthost" && html`<${Field} field=${{ name: "host", label: "Server", needed: true, placeholder: "mail.example.net:587", hint: "Its login: the setting send.smarthost_user, and the file with the password, which is named on the host." }} value=${host} onInput=${setHost} />`}
		<${Problem} error=${error} />
		<div class="actions"><button type="button" onClick=${onClose}>Cancel</button><button type="submit" class="primary" disabled=${busy}>Save</button></div></form><//>`;
}

function WayOut() {
	const ask = useAsk("config list", { match: "send." }), [dialog, open] = useDialog();
	const set = new Map((ask.data || []).map((r) => [r.key, String(r.value ?? "")])), value = (name) => set.get("send." + name) || "", way = wayOf(value);
	const words = { direct: "Straight to the servers of each domain, as its MX records name them", smarthost: `All of it by ${value("smarthost")}`, none: "No way out: mail to other domains is refused" };
	return html`<${Card} title="Way out" tools=${can("config set") && ask.data && html`<button type="button" class="mini" onClick=${() => open((close) => html`<${WayDialog} value=${value} onClose=${close} onDone=${ask.reload} />`)}>Change the way</button>`}>
		<${Answer} ask=${ask}>${() => html`<div class="stack tight">
			${f.yes(value("hold_all")) && html`<${Note} mood="warn">All mail is taken and held in the queue (send.hold_all); nothing leaves until it is released there.<//>`}
			${way === "none" && !f.yes(value("hold_all")) && html`<${Note} mood="warn">There is no way out: mail to other domains is refused. Choose one with “Change the way”.<//>`}
			<${Facts} rows=${[["Mail leaves", words[way]],
				way === "smarthost" && ["Encryption", { verify: "only to a server whose certificate is trusted and names it", encrypt: "always, whoever answers", opportunistic: "if it is offered", none: "none" }[value("smarthost_tls")] || value("smarthost_tls")],
				way === "smarthost" && ["Login", value("smarthost_user") || "none"],
				way === "direct" && ["Encryption", "as each domain publishes (DANE, MTA-STS), else if it is offered"],
				way === "direct" && ["From", value("source") || "the address that the system chooses"],
				way === "direct" && ["At most", `${f.count(value("connections"))} connections, ${f.count(value("host_sessions"))} to a server, ${f.count(value("destination_sessions"))} for a domain`],
				way === "smarthost" && ["At most", f.plural(Number(value("sessions")), "connection")]]} />
			${can("config list") && html`<p class="small"><a href="#/settings?find=send.">All settings of sending</a></p>`}</div>`}<//>${dialog}<//>`;
}

// One address, stage by stage, without a message
function Test() {
	const [address, setAddress] = useState(""), [all, setAll] = useState(false), [rows, setRows] = useState(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
	const submit = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		setRows(null);
		try {
			setRows(await change("test delivery", { address: address.trim(), ...(all ? { all } : {}) }));
		} catch (failed) {
			setRows(failed.rows || null);
			setError(failed);
		}
		setBusy(false);
	};
	return html`<${Card} title="Would mail arrive?" pad=${false}><div class="body stack tight">
		<p class="soft" id="test-words">Goes the way that mail to this address would go, stage by stage, up to the point where a message would begin. Nothing is sent.</p>
		<form class="row" onSubmit=${submit}><input class="grow" name="test" required aria-label="Address to test" aria-describedby="test-words" placeholder="name@example.net" value=${address} spellcheck=${false} autocomplete="off" onInput=${(e) => setAddress(e.target.value)} />
			<button type="submit" disabled=${busy}>${busy ? "Testing …" : "Test"}</button></form>
		<label class="check"><input type="checkbox" name="all" checked=${all} onChange=${(e) => setAll(e.target.checked)} /><span>Each of its servers, not only up to the first that answers</span></label></div>
		<div aria-live="polite">${busy && html`<${Wait} />`}${error && html`<div class="body"><${Problem} error=${error} /></div>`}
			${rows && html`<${Table} label="Stages of the test" rows=${rows} page=${100} empty=${html`<p class="none">There was nothing to test.</p>`} columns=${[{ key: "stage", label: "Stage", lead: true, sortable: false, cell: (r) => html`<span class="main">${r.stage}</span>` },
				{ key: "host", label: "Server", cls: "addr", sortable: false }, { key: "state", label: "State", kind: "badge", sortable: false }, { key: "words", label: "What was found", cls: "wide", sortable: false },
				{ key: "ms", label: "After", sortable: false, cell: (r) => html`<span class="nowrap">${f.milliseconds(r.ms)}</span>` }]} />`}</div><//>`;
}

const PARTS = { way: () => html`<div class="stack">${can("config list") && html`<${WayOut} />`}${can("test delivery") && html`<${Test} />`}</div>`, destinations: Destinations, routes: Routes, rules: Rules, suppressed: Suppressed, reports: Reports };

export default function Sending({ query }) {
	const tabs = TABS.filter(([, , verbs]) => verbs.some((v) => can(v))), tab = tabs.some(([t]) => t === query.tab) ? query.tab : tabs[0][0];
	return html`<${Head} title="Sending" text="How mail leaves for other domains, and what holds it up." />
		<div class="stack"><div><${Segments} label="Part" value=${tab} choices=${tabs} onPick=${(t) => go("sending", "", { tab: t === tabs[0][0] ? "" : t })} /></div>
			<${PARTS[tab]} key=${tab} /></div>`;
}
