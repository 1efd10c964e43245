// SPDX-License-Identifier: ISC
// login.js: the door. After too many failures the server says how long to wait; its sentence is shown. Who has a second
// factor is asked for it when the password was right: a security key, a code of the telephone, or a recovery code.
import { html, useState, useEffect, useRef } from "../lib/dom.js";
import { enter, session } from "../lib/session.js";
import { canKeys, useKey } from "../lib/key.js";
import { Field } from "../parts/form.js";
import { Note, Problem } from "../parts/bits.js";
import { Logo } from "../parts/icons.js";
import { Themes } from "../parts/shell.js";

export function Login({ words, onDone }) {
	const [address, setAddress] = useState(session.hint || ""), [password, setPassword] = useState("");
	const [code, setCode] = useState(""), [second, setSecond] = useState(null);
	const [busy, setBusy] = useState(false), [error, setError] = useState(null), form = useRef();
	useEffect(() => {
		document.title = "Sign in · Mansio";
		form.current.querySelector(address ? "[name=password]" : "[name=address]").focus();
	}, []);
	const attempt = (more) => enter(address.trim(), password, more);
	// each touch answers a question of its own
	const byKey = async (asked) => attempt(await useKey(asked || await attempt().then(() => null, (f) => (f.said?.keys?.length ? f.said : Promise.reject(f)))));
	const run = async (act) => {
		setBusy(true);
		setError(null);
		try {
			await act();
			onDone();
		} catch (failed) {
			const asked = failed.said?.ways && failed.said;
			setCode("");
			if (asked) {
				setSecond(asked);
				if (asked.keys.length && canKeys())
					return run(() => byKey(asked));
			} else {
				setError(failed);
				if (failed.status) {
					setSecond(null);
					setPassword("");
					form.current.querySelector("[name=password]").focus();
				}
			}
			setBusy(false);
		}
	};
	const submit = (e) => {
		e.preventDefault();
		run(() => attempt(code.trim() ? { code: code.trim() } : null));
	};
	const byPhone = second?.ways.includes("code"), keys = second?.keys.length > 0 && canKeys();
	return html`<main class="door">
		<h1 class="brand"><${Logo} />Mansio</h1>
		<div class="card"><form class="form" ref=${form} onSubmit=${submit}>
			<div><h2>Sign in</h2><p class="soft">With your mail address and its password.</p></div>
			${words && !error && html`<${Note}>${words}<//>`}
			<${Field} field=${{ name: "address", label: "Mail address", needed: true, autocomplete: "username" }} value=${address} onInput=${setAddress} />
			<${Field} field=${{ name: "password", label: "Password", kind: "secret", needed: true, autocomplete: "current-password" }} value=${password} onInput=${setPassword} />
			${keys && html`<${Note}>${busy ? "Touch your security key now." : "Your security key is asked for, too."} <button type="button" class="link" disabled=${busy} onClick=${() => run(() => byKey())}>Use the security key</button><//>`}
			${second && !keys && !byPhone && html`<${Note}>Your security key cannot be used here: it needs the address of this page under which it was added, and a browser that knows security keys.<//>`}
			${second && html`<${Field} autofocus=${!keys} field=${{ name: "code", label: byPhone ? "Code of your telephone, or a recovery code" : "Recovery code, if the key is gone", needed: true, autocomplete: "one-time-code" }} value=${code} onInput=${setCode} />`}
			<${Problem} error=${error} />
			<button type="submit" class="primary" disabled=${busy}>${busy ? "One moment …" : "Sign in"}</button>
		</form></div>
		<${Themes} />
	</main>`;
}
