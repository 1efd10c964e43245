// SPDX-License-Identifier: ISC
// icons.js: the line drawings, 24 x 24, drawn for this page. Always beside a text or hidden from readers.
import { html } from "../lib/dom.js";

const PATHS = {
	dashboard: "M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z",
	checks: "M9 11.5l2.5 2.5L20 5.5M20 12v6a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h9",
	trace: "M4 6h4M4 12h8M4 18h4M19 19l-2.2-2.2M15 18a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 6h8",
	queue: "M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01",
	sending: "M21 3L3 10.5l7.5 3L13.5 21zM10.5 13.5L21 3",
	log: "M5 4h14v16H5zM8.5 8.5h7M8.5 12h7M8.5 15.5h4",
	domains: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c2.8 2.6 4 5.6 4 9s-1.2 6.4-4 9c-2.8-2.6-4-5.6-4-9s1.2-6.4 4-9z",
	people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.3c2 .8 3.2 2.7 3.5 5.7",
	person: "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4.3 3.4-6.5 7.5-6.5s6.9 2.2 7.5 6.5",
	aliases: "M4 7h6l4 10h6M17 14l3 3-3 3M14 7h6M17 4l3 3-3 3M4 17h3",
	certs: "M12 3l7 3v5c0 4.5-2.8 8-7 10-4.2-2-7-5.5-7-10V6zM9 11.8l2.2 2.2L15.5 9.5",
	backups: "M4 6c0-1.6 3.6-3 8-3s8 1.4 8 3-3.6 3-8 3-8-1.4-8-3zM4 6v12c0 1.6 3.6 3 8 3s8-1.4 8-3V6M4 12c0 1.6 3.6 3 8 3s8-1.4 8-3",
	imports: "M12 3v12M8 11l4 4 4-4M4 17v3h16v-3",
	settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
	admins: "M8 14.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12.5 10H21v4M17 10v3",
	tokens: "M9 8l-4 4 4 4M15 8l4 4-4 4M13 5l-2 14",
	audit: "M6 3h9l4 4v14H6zM15 3v4h4M9.5 12h6M9.5 16h6",
	sessions: "M4 5h16v11H4zM9 20h6M12 16v4",
	bans: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.8 5.8l12.4 12.4",
	about: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.5M12 7.5h.01",
	menu: "M4 7h16M4 12h16M4 17h16",
	close: "M6 6l12 12M18 6L6 18",
	search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20.5 20.5L16 16",
	plus: "M12 5v14M5 12h14",
	copy: "M9 9h11v11H9zM5 15H4V4h11v1",
	done: "M5 12.5l4.5 4.5L19 7.5",
	warn: "M12 4l9 16H3zM12 10v4.5M12 17.5h.01",
	bad: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7.5v5.5M12 16.5h.01",
	reload: "M20 5v5h-5M4 19v-5h5M19.5 10A8 8 0 0 0 5.5 7M4.5 14a8 8 0 0 0 14 3",
	out: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
	next: "M9 6l6 6-6 6",
	up: "M7 14l5-5 5 5",
	down: "M7 10l5 5 5-5",
	pause: "M9 5v14M15 5v14",
	play: "M7 4.5v15l12-7.5z",
	mail: "M3.5 6h17v12h-17zM4 6.5l8 6.5 8-6.5",
	undo: "M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
	trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name] || PATHS.about} /></svg>`;

export const Logo = () => html`<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
	<rect width="32" height="32" rx="8" fill="#0d6e66" />
	<path d="M7 23V13l9-6 9 6v10M11 23v-7l5 3.6 5-3.6v7" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round" />
</svg>`;
