// SPDX-License-Identifier: ISC
// shell.js: what stays while the screens change: navigation (a drawer and a bar at the foot on
// phones), who is logged in, colours, the skip link, and the keys: / for search, Esc for the drawer.
import { html, useState, useEffect, useRef } from "../lib/dom.js";
import { session, leave, isPerson } from "../lib/session.js";
import { link } from "../lib/router.js";
import { Icon, Logo } from "./icons.js";
import { Toasts } from "./toast.js";

export function theme() {
	return document.documentElement.dataset.theme || "auto";
}

function setTheme(t) {
	if (t === "auto")
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = t;
	try {
		localStorage.setItem("mansio-theme", t);
	} catch (e) {
		// it lasts until the page is left
	}
	dispatchEvent(new Event("themechange"));
}

export function Themes() {
	const [t, set] = useState(theme());
	return html`<div class="themes" role="group" aria-label="Colours">
		${[["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]].map(([v, text]) =>
			html`<button type="button" key=${v} aria-pressed=${String(v === t)} onClick=${() => { setTheme(v); set(v); }}>${text}</button>`)}</div>`;
}

function typing(e) {
	return e.target.closest?.("input, textarea, select, dialog, [contenteditable]");
}

function useKeys(closeDrawer) {
	useEffect(() => {
		const hear = (e) => {
			if (e.key === "Escape")
				closeDrawer();
			if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || typing(e))
				return;
			const field = document.querySelector("main [data-search]");
			if (field) {
				e.preventDefault();
				field.focus();
				field.select();
			}
		};
		addEventListener("keydown", hear);
		return () => removeEventListener("keydown", hear);
	}, []);
}

export function Shell({ groups, here, onLeave, children }) {
	const [open, setOpen] = useState(false), menu = useRef(), side = useRef();
	useEffect(() => setOpen(false), [here]);
	useKeys(() => setOpen((was) => {
		if (was)
			menu.current?.focus();
		return false;
	}));
	useEffect(() => {
		if (open)
			side.current.querySelector("a")?.focus();
	}, [open]);
	useEffect(() => side.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" }), [here]);
	const all = groups.flatMap((g) => g.screens), quick = all.filter((s) => s.quick).slice(0, 4);
	const current = (s) => (s.name === here || s.under?.includes(here) ? "page" : undefined);
	const out = async () => {
		await leave().catch(() => {});
		onLeave();
	};
	return html`<div class=${"shell" + (open ? " drawer-open" : "")}>
		<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the content</a>
		<header class="topbar"><a class="brand" href="#/"><${Logo} />Mansio</a>
			<button type="button" class="quiet square" ref=${menu} aria-expanded=${String(open)} aria-controls="side" aria-label="Menu" onClick=${() => setOpen(!open)}><${Icon} name="menu" /></button></header>
		<button type="button" class="scrim" tabindex="-1" aria-label="Close the menu" onClick=${() => setOpen(false)}></button>
		<aside class="side" id="side" ref=${side} aria-label="Menu">
			<a class="brand" href="#/"><${Logo} />Mansio</a>
			<nav aria-label="Screens">${groups.map((g) => html`<div key=${g.title}>
				${g.title && html`<h2>${g.title}</h2>`}
				<ul>${g.screens.map((s) => html`<li key=${s.name}><a href=${link(s.name)} aria-current=${current(s)}><${Icon} name=${s.icon} />${s.title}</a></li>`)}</ul></div>`)}</nav>
			<div class="foot">
				<a class="who" href=${link("me")}>${session.me.name || session.me.address}<span class="soft">${session.me.name ? session.me.address : isPerson() ? "" : "administrator"}</span></a>
				<${Themes} />
				<button type="button" class="quiet" onClick=${out}><${Icon} name="out" />Sign out</button>
			</div>
		</aside>
		<main id="main" tabindex="-1">${children}</main>
		<nav class="bottombar" aria-label="Main screens">
			${quick.map((s) => html`<a key=${s.name} href=${link(s.name)} aria-current=${current(s)}><${Icon} name=${s.icon} />${s.title}</a>`)}
			<button type="button" onClick=${() => setOpen(true)}><${Icon} name="menu" />Menu</button></nav>
		<${Toasts} />
	</div>`;
}
