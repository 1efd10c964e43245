// SPDX-License-Identifier: ISC
// toast.js: short words at the edge, read aloud by screen readers: what was done.
import { html, useState, useEffect } from "../lib/dom.js";
import { Icon } from "./icons.js";

let show = () => {};
let serial = 0;

export function say(text) {
	show({ id: ++serial, text });
}

export function Toasts() {
	const [toasts, set] = useState([]);
	useEffect(() => {
		show = (t) => {
			set((all) => [...all.slice(-2), t]);
			setTimeout(() => set((all) => all.filter((o) => o.id !== t.id)), 6000);
		};
	}, []);
	return html`<div class="toasts" role="status" aria-live="polite">
		${toasts.map((t) => html`<div class="toast" key=${t.id}><${Icon} name="done" /><span>${t.text}</span></div>`)}</div>`;
}
