// SPDX-License-Identifier: ISC
// me.js: each person's own page: password, devices and logins, aliases, forwarding, mailbox, and
// the settings for their mail program.
import { html } from "../lib/dom.js";
import { can, session } from "../lib/session.js";
import { useAsk } from "../lib/ask.js";
import { link } from "../lib/router.js";
import * as f from "../lib/format.js";
import { Head, Card, Facts, Problem, useDialog, Code } from "../parts/all.js";
import { Usage, Folders, Sessions, passwordDialog, forwardDialog, forwardOf, forwardWords } from "./person.js";
import { Roles } from "./people.js";
import { AppPasswords, Codes, SecurityKeys } from "./devices.js";
import { useServers } from "../parts/servers.js";
import { LooksAfter, Owners, SendAs } from "./delegation.js";

export default function Me() {
	const me = session.me, ask = useAsk(can("user show") ? "user show" : null, { address: me.address }), [dialog, open] = useDialog(), u = ask.data || {};
	const servers = useServers(me.address);
	return html`<${Head} title=${me.name || u.name || me.address} text=${me.name || u.name ? me.address : ""}>
			${can("user password") && html`<button type="button" onClick=${() => passwordDialog(open, me.address, () => ask.reload())}>Change the password</button>`}
			${can("user forward") && ask.data && html`<button type="button" onClick=${() => forwardDialog(open, me.address, forwardOf(u), ask.reload)}>Forward</button>`}<//>
		<${Problem} error=${ask.error} again=${ask.reload} />
		<div class="stack"><div class="grid">
			<div class="stack"><${Card} title="Account"><${Facts} rows=${[["Address", me.address], me.roles.length ? ["Roles", html`<${Roles} roles=${me.roles} />`] : null, u.aliases !== undefined ? ["Aliases", f.list(u.aliases).join(", ") || "none"] : null,
				["Forwards to", forwardWords(u)], can("trace search") ? ["Mail", html`<a href=${link(me.roles.length ? "trace" : "mine", "", me.roles.length ? { address: me.address } : {})}>What became of it</a>`] : null]} /><//>
			${can("mailbox status") && html`<${Usage} address=${me.address} />`}</div>
			<${Card} title="Your mail program"><div class="stack"><${Facts} rows=${[["User", me.address], ...servers,
				["iPhone, Mac", html`<${Code} text=${`https://${location.host}/apple.mobileconfig?address=${me.address}`} what="Link" />`]]} />
				<p>An iPhone or iPad sets itself up when its camera sees this:</p><img class="qr" src=${`/apple.svg?address=${encodeURIComponent(me.address)}`} width="192" height="192" alt="QR code of the link for iPhone and iPad" /></div><//></div>
			${can("owner list") && html`<${LooksAfter} address=${me.address} title="You look after" /><${Owners} address=${me.address} own=${true} />`}
			${can("send-as list") && html`<${SendAs} address=${me.address} />`}
			${can("app-password list") && html`<${AppPasswords} address=${me.address} />`}
			${can("totp show") && html`<${Codes} address=${me.address} />`}
			${can("security-key list") && html`<${SecurityKeys} address=${me.address} />`}
			<${Sessions} address=${me.address} own=${true} />
			${can("mailbox list") && html`<${Folders} address=${me.address} />`}</div>${dialog}`;
}
