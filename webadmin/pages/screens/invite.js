// SPDX-License-Identifier: ISC
// invite.js: whoever got a hand-out link sets their password here; the link is good once.
import { html, useState, useEffect } from "../lib/dom.js";
import { invite } from "../lib/api.js";
import { Field, inventPassword } from "../parts/form.js";
import { Problem, Note } from "../parts/bits.js";
import { Logo } from "../parts/icons.js";

export function Invite({ token, onDone }) {
	const [password, setPassword] = useState(""), [again, setAgain] = useState(""), [shown, setShown] = useState(false);
	const [busy, setBusy] = useState(false), [error, setError] = useState(null), [done, setDone] = useState(null);
	useEffect(() => {
		document.title = "Welcome · Mansio";
	}, []);
	const submit = async (e) => {
		e.preventDefault();
		if (password !== again) {
			setError(new Error("The two passwords differ."));
			return;
		}
		setBusy(true);
		setError(null);
		try {
			const said = await invite(token, password);
			setDone((said.result || said).address || "");
		} catch (failed) {
			setError(failed);
		}
		setBusy(false);
	};
	const made = () => {
		const p = inventPassword();
		setPassword(p);
		setAgain(p);
		setShown(true);
	};
	return html`<main class="door"><h1 class="brand"><${Logo} />Mansio</h1><div class="card">
		${done !== null ? html`<div class="form"><h2>Your password is set</h2><${Note} mood="ok">${done ? `You are ${done}.` : "It counts at once."} Use it in your mail program and on this page.<//>
			<button type="button" class="primary" onClick=${() => onDone(done)}>Sign in</button></div>`
		: html`<form class="form" onSubmit=${submit}>
			<div><h2>Welcome</h2><p class="soft">Choose the password of your new mail account. This link works once.</p></div>
			<${Field} autofocus field=${{ name: "password", label: "New password", kind: "secret", needed: true, shown, onInvent: made }} value=${password} onInput=${setPassword} />
			<${Field} field=${{ name: "again", label: "Once more", kind: "secret", needed: true, shown }} value=${again} onInput=${setAgain} />
			<${Problem} error=${error} />
			<button type="submit" class="primary" disabled=${busy}>${busy ? "One moment …" : "Set the password"}</button></form>`}
	</div></main>`;
}
