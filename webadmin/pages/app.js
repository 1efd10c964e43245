// SPDX-License-Identifier: ISC
// app.js: where the page begins: login or screens. Which screens there are stands in screens.js;
// each is loaded when it is first seen, and shown only if its verb may be used.
import { html, render, useState, useEffect, useRef, useErrorBoundary } from "./lib/dom.js";
import { useRoute, go } from "./lib/router.js";
import { resume, session } from "./lib/session.js";
import { onLost } from "./lib/api.js";
import { visible, find } from "./screens.js";
import { Shell } from "./parts/shell.js";
import { Wait, Note, Head, Empty } from "./parts/bits.js";
import { Login } from "./screens/login.js";
import { Invite } from "./screens/invite.js";

function Place({ route }) {
	const been = useRef(false), [shown, set] = useState({ name: null, Screen: null }), [failed, forget] = useErrorBoundary((e) => console.error(e));
	const screen = find(route.name);
	useEffect(() => {
		let gone = false;
		forget();
		if (screen)
			screen.load().then((m) => gone || set({ name: route.name, Screen: m.default }), (e) => gone || set({ name: route.name, error: e }));
		return () => {
			gone = true;
		};
	}, [route.name]);
	// a new place starts at its head, for eyes and for readers; the first one where the page starts
	useEffect(() => {
		scrollTo(0, 0);
		if (shown.Screen && been.current)
			document.querySelector("main h1")?.focus({ preventScroll: true });
		been.current = been.current || Boolean(shown.Screen);
	}, [shown.name, route.id]);
	if (!screen)
		return html`<${Head} title="Not here" /><div class="card"><${Empty} title="There is no such screen for you"><p>It may need a role that this account does not have.</p><a class="button" href="#/">To the start</a><//></div>`;
	if (failed || shown.error)
		return html`<${Head} title=${screen.title} /><${Note} mood="bad">This screen failed: ${(failed || shown.error).message} <button type="button" class="link" onClick=${() => location.reload()}>Load the page again</button><//>`;
	return shown.name === route.name && shown.Screen ? html`<${shown.Screen} key=${route.name + "/" + route.id} id=${route.id} query=${route.query} />` : html`<${Wait} />`;
}

function App() {
	const route = useRoute(), [state, set] = useState("starting"), [words, setWords] = useState("");
	const begin = () => resume().then((me) => set(me ? "in" : "out"), (e) => {
		setWords(e.message);
		set("broken");
	});
	useEffect(() => {
		onLost(() => {
			session.me = null;
			setWords("Your login is over. Please sign in again.");
			set("out");
		});
		begin();
	}, []);
	if (route.name === "invite")
		return html`<${Invite} token=${route.id} onDone=${(address) => { setWords(""); session.hint = address; set("out"); go(""); }} />`;
	if (state === "starting")
		return html`<p class="boot" role="status">Mansio is loading …</p>`;
	if (state === "broken")
		return html`<main class="door"><${Note} mood="bad">${words} <button type="button" class="link" onClick=${begin}>Try again</button><//></main>`;
	if (state === "out")
		return html`<${Login} words=${words} onDone=${() => { setWords(""); set("in"); }} />`;
	const groups = visible();
	const first = groups[0]?.screens[0]?.name || "about";
	const at = route.name ? route : { ...route, name: first };
	return html`<${Shell} groups=${groups} here=${at.name} onLeave=${() => { setWords("You are signed out."); set("out"); go(""); }}><${Place} route=${at} /><//>`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
