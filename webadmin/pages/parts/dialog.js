// SPDX-License-Identifier: ISC
// dialog.js: a modal window (the browser's own <dialog>: it holds the focus, Esc closes it and the
// focus goes back), and the question before something that cannot be taken back.
import { html, useRef, useEffect, useState, useId } from "../lib/dom.js";
import { Icon } from "./icons.js";
import { Problem } from "./bits.js";
import { say } from "./toast.js";

export function Dialog({ title, onClose, wide, children }) {
	const box = useRef(), id = useId();
	useEffect(() => {
		const before = document.activeElement;
		box.current.showModal();
		return () => {
			// while it is open, nothing outside can take the focus
			box.current?.close();
			if (before?.isConnected)
				before.focus();
		};
	}, []);
	return html`<dialog ref=${box} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${(e) => { e.preventDefault(); onClose(); }}>
		<header><h2 id=${id}>${title}</h2><button type="button" class="quiet square" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></header>
		<div class="body">${children}</div>
	</dialog>`;
}

// act() does it; done: the words said afterwards
export function Confirm({ title, button, danger = true, act, done, onDone, onClose, children }) {
	const [busy, setBusy] = useState(false), [error, setError] = useState(null);
	const go = async () => {
		setBusy(true);
		setError(null);
		try {
			const result = await act();
			if (done)
				say(typeof done === "function" ? done(result) : done);
			onClose();
			onDone?.(result);
		} catch (e) {
			setError(e);
			setBusy(false);
		}
	};
	return html`<${Dialog} title=${title} onClose=${onClose}>
		<div class="stack tight">${children}</div>
		<${Problem} error=${error} />
		<div class="form"><div class="actions">
			<button type="button" onClick=${onClose}>Cancel</button>
			<button type="button" class=${danger ? "primary danger" : "primary"} disabled=${busy} onClick=${go}>${busy ? "One moment …" : button}</button>
		</div></div>
	<//>`;
}

// One dialog at a time: const [dialog, open] = useDialog(); open((close) => html`<${Confirm} onClose=${close} .../>`)
export function useDialog() {
	const [make, set] = useState(null);
	const close = () => set(null);
	return [make && make.f(close), (f) => set({ f }), close];
}
