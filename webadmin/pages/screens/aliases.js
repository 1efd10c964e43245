// SPDX-License-Identifier: ISC
// aliases.js: addresses that lead to others, and the answer to "who gets mail for X?", step by step.
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { usePaged } from "../lib/paged.js";
import { read, change } from "../lib/api.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Search, Problem, Wait, Badge, Soft } from "../parts/all.js";

const MOOD = { mailbox: "ok", person: "ok", account: "ok", alias: "info", forward: "info", outside: "", unknown: "bad", refused: "bad", loop: "bad", catchall: "warn" };

function Who() {
	const [address, setAddress] = useState(""), [steps, setSteps] = useState(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
	const ask = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		try {
			setSteps(await read("alias who", { address: address.trim() }));
		} catch (failed) {
			setError(failed);
		}
		setBusy(false);
	};
	return html`<${Card} title="Who gets mail for …?">
		<form class="row" onSubmit=${ask}><input class="grow" name="who" required aria-label="Who gets mail for this address?" placeholder="info@example.org" value=${address} spellcheck=${false} autocomplete="off" onInput=${(e) => setAddress(e.target.value)} />
			<button type="submit" disabled=${busy}>Ask</button></form>
		<div aria-live="polite"><${Problem} error=${error} />
			${steps && html`<ul class="tree">${steps.map((s, i) => html`<li key=${i} class=${"level-" + Math.min(Number(s.step) || 0, 8)}>${["mailbox", "account", "person"].includes(s.kind) ? html`<a href=${link("person", s.address)}>${s.address}</a>` : s.address} <${Badge} word=${s.kind} mood=${MOOD[s.kind] ?? ""} plain=${true} /> <span class="soft">${s.words}</span></li>`)}</ul>`}</div><//>`;
}

export function AliasTable({ domain }) {
	const [text, setText] = useState(""), [dialog, open] = useDialog();
	const ask = usePaged("alias list", domain ? { domain } : {}, "address", text);
	const add = () => open((close) => html`<${VerbDialog} verb="alias add" title="New alias" button="Make the alias" done=${(a) => `${a.address} was made`} onClose=${close} onDone=${ask.reload} fields=${{ address: { placeholder: `info@${domain || "example.org"}` } }} />`);
	const edit = (r) => open((close) => html`<${VerbDialog} verb="alias change" title=${`Change ${r.address}`} fixed=${{ address: r.address }} initial=${{ target: f.list(r.targets).join("\n"), listed: f.yes(r.listed) }} button="Save" done="Saved" onClose=${close} onDone=${ask.reload} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove ${r.address}?`} button="Remove" act=${() => change("alias remove", { address: r.address })} done=${`${r.address} is gone`} onClose=${close} onDone=${ask.reload}><p>Mail to it is refused from then on, unless the domain has a catch-all.</p><//>`);
	const button = can("alias add") && html`<button type="button" class="primary" onClick=${add}><${Icon} name="plus" />New alias</button>`;
	return html`<${Card} title=${domain ? "Aliases" : ""} label="Aliases" pad=${false} tools=${domain && button}>
		<div class="filters"><${Search} label="Find an alias" hint="Alias or target" value=${text} onInput=${setText} />${!domain && html`<span class="fix end">${button}</span>`}</div>
		${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="Aliases" rows=${ask.rows} more=${ask.more} rowKey=${(r) => r.address}
			empty=${text ? html`<${Empty} icon="search" title="No alias found"><p>No alias or target has “${text}”.</p><//>` : html`<${Empty} icon="aliases" title="No alias yet"><p>An alias gives people further addresses, or one address to several people.</p>${button}<//>`}
			columns=${[{ key: "address", label: "Alias", lead: true, cell: (r) => html`<span class="main"><${Soft} text=${r.address} /></span>` }, { key: "targets", label: "Goes to", kind: "list", cls: "wide" }]}
			actions=${(can("alias change") || can("alias remove")) && ((r) => html`${can("alias change") && html`<button type="button" class="mini" aria-label=${`Change ${r.address}`} onClick=${() => edit(r)}>Change</button>`}
				${can("alias remove") && html`<button type="button" class="mini danger" aria-label=${`Remove ${r.address}`} onClick=${() => remove(r)}>Remove</button>`}`)} />`}<//>${dialog}`;
}

export default function Aliases() {
	return html`<${Head} title="Aliases" text="Addresses that lead to other addresses, here or elsewhere." />
		<div class="stack">${can("alias who") && html`<${Who} />`}<${AliasTable} /></div>`;
}
