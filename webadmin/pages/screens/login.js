// SPDX-License-Identifier: ISC
// login.js: the door. After too many failures the server says how long to wait; its sentence is shown. Who has a second
// factor is asked for its code when the password was right.
import { html, useState, useEffect, useRef } from "../lib/dom.js";
import { enter, session } from "../lib/session.js";
import { Field } from "../parts/form.js";
import { Note, Problem } from "../parts/bits.js";
import { Logo } from "../parts/icons.js";
import { Themes } from "../parts/shell.js";

export function Login({ words, onDone }) {
	const [address, setAddress] = useState(session.hint || ""), [password, setPassword] = useState("");
	const [code, setCode] = useState(""), [second, setSecond] = useState(false);
	const [busy, setBusy] = useState(false), [error, setError] = useState(null), form = useRef();
	useEffect(() => {
		document.title = "Sign in · Mansio";
		form.current.querySelector(address ? "[name=password]" : "[name=address]").focus();
	}, []);
	const submit = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		try {
			await enter(address.trim(), password, code.trim());
			onDone();
		} catch (failed) {
			const asked = failed.status === 403 && !code;
			setError(asked ? null : failed);
			setSecond(asked);
			setCode("");
			setBusy(false);
			if (!asked) {
				setPassword("");
				form.current.querySelector("[name=password]").focus();
			}
		}
	};
	return html`<main class="door">
		<h1 class="brand"><${Logo} />Mansio</h1>
		<div class="card"><form class="form" ref=${form} onSubmit=${submit}>
			<div><h2>Sign in</h2><p class="soft">With your mail address and its password.</p></div>
			${words && !error && html`<${Note}>${words}<//>`}
			<${Field} field=${{ name: "address", label: "Mail address", needed: true, autocomplete: "username" }} value=${address} onInput=${setAddress} />
			<${Field} field=${{ name: "password", label: "Password", kind: "secret", needed: true, autocomplete: "current-password" }} value=${password} onInput=${setPassword} />
			${second && html`<${Field} autofocus=${true} field=${{ name: "code", label: "Code of your telephone, or a recovery code", needed: true, autocomplete: "one-time-code" }} value=${code} onInput=${setCode} />`}
			<${Problem} error=${error} />
			<button type="submit" class="primary" disabled=${busy}>${busy ? "One moment …" : "Sign in"}</button>
		</form></div>
		<${Themes} />
	</main>`;
}
