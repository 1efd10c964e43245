// SPDX-License-Identifier: ISC
// form.js: a form made from a verb's arguments (GET /api/v1/verbs): the type gives the field, the
// marks what is needed and what may be given more than once (one a line). What only a global
// administrator may give is shown to them alone. The server's sentence is shown when it refuses.
import { html, useState, useId } from "../lib/dom.js";
import { change } from "../lib/api.js";
import { argsOf, isAdmin } from "../lib/session.js";
import { LABELS } from "./labels.js";
import { Problem } from "./bits.js";
import { Dialog } from "./dialog.js";
import { say } from "./toast.js";

// A password that nobody has to invent: 20 characters of 31, about 99 bits
export function inventPassword() {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789";
	let out = "";
	while (out.length < 23) {
		const [b] = crypto.getRandomValues(new Uint8Array(1));
		if (b < letters.length * 8)
			out += (out.length % 6 === 5 ? "-" : "") + letters[b % letters.length];
	}
	return out.slice(0, 23);
}

export function Field({ field, value, onInput, autofocus }) {
	const id = useId(), hint = field.hint && html`<span class="hint" id=${id + "h"}>${field.hint}</span>`;
	const base = { id, name: field.name, required: field.needed, "aria-describedby": field.hint ? id + "h" : undefined, autofocus };
	if (field.kind === "check")
		return html`<div class="field"><label class="check"><input type="checkbox" ...${base} checked=${value === true || value === "yes"} onChange=${(e) => onInput(e.target.checked)} /><span>${field.label}</span></label>${hint}</div>`;
	let input;
	if (field.kind === "choice")
		input = html`<select ...${base} value=${value} onChange=${(e) => onInput(e.target.value)}>${field.choices.map(([v, text]) => html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}</select>`;
	else if (field.kind === "lines")
		input = html`<textarea ...${base} spellcheck=${false} value=${value} onInput=${(e) => onInput(e.target.value)}></textarea>`;
	else if (field.kind === "secret")
		input = html`<div class="row"><input class="grow" ...${base} type=${field.shown ? "text" : "password"} autocomplete=${field.autocomplete || "new-password"} value=${value} onInput=${(e) => onInput(e.target.value)} />
			${field.onInvent && html`<button type="button" onClick=${field.onInvent}>Make one up</button>`}</div>`;
	else
		input = html`<input ...${base} type=${field.kind === "number" ? "number" : "text"} min=${field.kind === "number" ? 0 : undefined} placeholder=${field.placeholder}
			autocomplete=${field.autocomplete || "off"} spellcheck=${false} value=${value} onInput=${(e) => onInput(e.target.value)} />`;
	return html`<div class="field"><label for=${id}>${field.label}${!field.needed && !field.quiet && html` <span class="soft small">(optional)</span>`}</label>${input}${hint}</div>`;
}

const KIND = { text: "text", maybe: "text", size: "text", number: "number", bool: "check", flag: "check", secret: "secret" };

// The fields of a verb, without those of `fixed`; `fields` {name: {label, hint, choices, skip, ...}} says more
export function fieldsOf(verb, fixed = {}, fields = {}) {
	return argsOf(verb)
		.filter((a) => !(a.name in fixed) && !fields[a.name]?.skip && (!a.admin || isAdmin()))
		.map((a) => {
			const own = fields[a.name] || {}, known = LABELS[a.name] || {};
			return { name: a.name, label: a.name.replace(/_/g, " "), kind: own.choices ? "choice" : "+*".includes(a.mark || "-") ? "lines" : KIND[a.type] || "text",
				needed: "!+".includes(a.mark || "-"), ...known, ...own };
		});
}

const lines = (text) => String(text ?? "").split(/[\n,]+/).map((l) => l.trim()).filter(Boolean);

// initial: values at first; only what differs from them is sent, if `changes` says so; a field with
// `always` is sent in any case, also empty
export function VerbForm({ verb, fixed = {}, fields, initial = {}, changes, button, done, onDone, onCancel, before, narrow }) {
	const all = fieldsOf(verb, fixed, fields);
	const first = Object.fromEntries(all.map((x) => [x.name, initial[x.name] ?? x.initial ?? (x.kind === "check" ? false : "")]));
	const [values, setValues] = useState(first), [shown, setShown] = useState({});
	const [busy, setBusy] = useState(false), [error, setError] = useState(null);
	const set = (name, v) => setValues((old) => ({ ...old, [name]: v }));
	const submit = async (e) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		const args = { ...fixed };
		for (const x of all) {
			const v = values[x.name];
			if (x.always ? true : changes ? v !== first[x.name] : x.kind === "check" ? v !== first[x.name] || v : v !== "")
				args[x.name] = x.kind === "lines" ? lines(v) : typeof v === "string" && x.kind !== "secret" ? v.trim() : v;
		}
		try {
			const result = await change(verb, args);
			if (done)
				say(typeof done === "function" ? done(args, result) : done);
			await onDone?.(args, result);
		} catch (failed) {
			setError(failed);
		}
		setBusy(false);
	};
	return html`<form class=${"form" + (narrow ? " narrow" : "")} onSubmit=${submit}>
		${before}
		${all.map((x, i) => html`<${Field} key=${x.name} autofocus=${i === 0} value=${values[x.name]} onInput=${(v) => set(x.name, v)}
			field=${x.kind === "secret" ? { ...x, shown: shown[x.name], onInvent: x.invent && (() => { set(x.name, inventPassword()); setShown({ ...shown, [x.name]: true }); }) } : x} />`)}
		<${Problem} error=${error} />
		<div class="actions">
			${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}
			<button type="submit" class="primary" disabled=${busy}>${busy ? "One moment …" : button}</button>
		</div></form>`;
}

// The same in a dialog
export const VerbDialog = ({ title, text, onClose, onDone, ...rest }) => html`<${Dialog} title=${title} onClose=${onClose}>
	${text && html`<p class="soft">${text}</p>`}
	<${VerbForm} ...${rest} onCancel=${onClose} onDone=${async (...a) => { onClose(); await onDone?.(...a); }} /><//>`;
