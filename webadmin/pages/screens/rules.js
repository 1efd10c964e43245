// SPDX-License-Identifier: ISC
// rules.js: rules for mail that comes in by SMTP: who is refused, held, let through or may relay
// (access), and which address of the envelope becomes another one (rewriting).
import { html, useState } from "../lib/dom.js";
import { can } from "../lib/session.js";
import { usePaged } from "../lib/paged.js";
import { change } from "../lib/api.js";
import { Card, Empty, Icon, Table, VerbDialog, Confirm, useDialog, Search, Problem, Wait, Soft } from "../parts/all.js";

const WHO = "An address, a domain, .example.org for all below it, * for all.";
const KINDS = {
	access: { title: "Access", text: "Who may send, and to whom. The most exact rule counts.", words: "Without a rule everybody may write to the addresses of this host, and nobody but those who log in to others.", goes: "mail is taken as without it",
		fields: { kind: { label: "It is about", quiet: true, needed: true, choices: [["client", "a client: who connects"], ["sender", "a sender"], ["recipient", "a recipient"]], initial: "client" }, who: { label: "Who", placeholder: "192.0.2.0/24", hint: `${WHO} Of a client: a network, like 192.0.2.0/24. <>: mail without sender.` },
			action: { label: "What happens", quiet: true, needed: true, choices: [["reject", "Refused"], ["hold", "Kept in the queue until it is released"], ["allow", "Taken, whatever other rules say"], ["relay", "This client may send to other domains without login"]], initial: "reject" }, text: { label: "What the client is told", hint: "Only for those who are refused." } },
		columns: [{ key: "action", label: "What happens", kind: "badge" }, { key: "text", label: "What the client is told", cls: "wide" }] },
	rewrite: { title: "Rewriting", text: "Another address in the envelope, when mail comes in.", words: "Addresses stay as they are.", goes: "the address stays as it is",
		fields: { kind: { label: "It is about", quiet: true, needed: true, choices: [["sender", "the sender"], ["recipient", "a recipient"]], initial: "recipient" }, who: { label: "Who", placeholder: "old@example.org", hint: WHO }, new_address: { label: "New address", placeholder: "new@example.org", hint: "@example.org: only the domain changes." } },
		columns: [{ key: "new_address", label: "Becomes", cls: "addr", cell: (r) => html`<${Soft} text=${r.new_address} />` }] },
};

// kept as @example.org, typed as example.org
const plainWho = (who) => String(who).replace(/^@/, "");

function Kind({ noun }) {
	const k = KINDS[noun], [text, setText] = useState(""), [dialog, open] = useDialog(), ask = usePaged(noun + " list", {}, "who", text);
	const add = () => open((close) => html`<${VerbDialog} verb=${noun + " add"} title=${`${k.title}: new rule`} fields=${k.fields} button="Make the rule" done=${(a) => `The rule for ${a.who} was made`} onClose=${close} onDone=${ask.reload} />`);
	const remove = (r) => open((close) => html`<${Confirm} title=${`Remove the rule for ${r.who}?`} button="Remove" act=${() => change(noun + " remove", { kind: r.kind, who: r.who })} done=${`The rule for ${r.who} is gone`} onClose=${close} onDone=${ask.reload}><p>From then on ${k.goes}.</p><//>`);
	return html`<${Card} title=${k.title} text=${k.text} pad=${false} tools=${can(noun + " add") && html`<button type="button" onClick=${add}><${Icon} name="plus" />New rule</button>`}>
		${(text || ask.rows?.length > 8) && html`<div class="filters"><${Search} label=${`Find a rule (${k.title})`} hint="Find a rule" value=${text} onInput=${setText} /></div>`}
		${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
		${ask.rows === null ? html`<${Wait} />` : html`<${Table} label=${`Rules: ${k.title}`} rows=${ask.rows} rowKey=${(r) => `${r.kind} ${r.who} ${r.from}`} more=${ask.more} empty=${text ? html`<${Empty} icon="search" title="No rule fits" />` : html`<${Empty} icon="checks" title="No rule"><p>${k.words}</p><//>`}
			columns=${[{ key: "who", label: "Who", lead: true, cell: (r) => html`<span class="main"><${Soft} text=${plainWho(r.who)} /></span>` }, { key: "kind", label: "As", cell: (r) => html`${r.kind}${r.from === "file" && html`<br /><span class="small soft">in a file of the host</span>`}` }, ...k.columns, { key: "comment", label: "Comment", cls: "wide" }]}
			actions=${can(noun + " remove") && ((r) => r.from !== "file" && html`<button type="button" class="mini danger" aria-label=${`Remove the rule for ${r.kind} ${r.who}`} onClick=${() => remove(r)}>Remove</button>`)} />`}<//>${dialog}`;
}

export const Rules = () => html`<div class="stack">${Object.keys(KINDS).filter((noun) => can(noun + " list")).map((noun) => html`<${Kind} key=${noun} noun=${noun} />`)}</div>`;
