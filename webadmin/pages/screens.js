// SPDX-License-Identifier: ISC
// screens.js: every screen: its name in the address, its place in the navigation, and the verb
// without which it is not shown (needs: one of them is enough).
import { can, isPerson, isAdmin } from "./lib/session.js";

const SCREENS = [
	{ group: "", name: "dashboard", title: "Dashboard", icon: "dashboard", needs: ["stats show", "status"], quick: true, load: () => import("./screens/dashboard.js") },
	{ group: "", name: "checks", title: "Checks", icon: "checks", needs: ["host check", "domain check", "changes list"], load: () => import("./screens/checks.js") },
	{ group: "Mail", name: "trace", title: "Trace", icon: "trace", needs: ["trace search"], under: ["story"], quick: true, staff: true, load: () => import("./screens/trace.js") },
	{ group: "Mail", name: "queue", title: "Queue", icon: "queue", needs: ["queue list"], under: ["message"], quick: true, load: () => import("./screens/queue.js") },
	{ group: "Mail", name: "sending", title: "Sending", icon: "sending", needs: ["destination list", "route list", "suppression list", "test delivery"], load: () => import("./screens/sending.js") },
	{ group: "Mail", name: "log", title: "Live log", icon: "log", needs: ["log follow"], load: () => import("./screens/log.js") },
	{ group: "Directory", name: "domains", title: "Domains", icon: "domains", needs: ["domain list"], under: ["domain"], load: () => import("./screens/domains.js") },
	{ group: "Directory", name: "people", title: "People", icon: "people", needs: ["user list"], under: ["person"], quick: true, load: () => import("./screens/people.js") },
	{ group: "Directory", name: "aliases", title: "Aliases", icon: "aliases", needs: ["alias list"], load: () => import("./screens/aliases.js") },
	{ group: "Directory", name: "sessions", title: "Sessions", icon: "sessions", needs: ["session list"], staff: true, load: () => import("./screens/sessions.js") },
	{ group: "System", name: "certs", title: "Certificates", icon: "certs", needs: ["cert list"], load: () => import("./screens/certs.js") },
	{ group: "System", name: "backups", title: "Backups", icon: "backups", needs: ["backup list"], load: () => import("./screens/backups.js") },
	{ group: "System", name: "imports", title: "Import", icon: "imports", needs: ["import list"], staff: true, load: () => import("./screens/imports.js") },
	{ group: "System", name: "settings", title: "Settings", icon: "settings", needs: ["config list"], load: () => import("./screens/settings.js") },
	{ group: "Access", name: "admins", title: "Administrators", icon: "admins", needs: ["user list"], when: isAdmin, load: () => import("./screens/admins.js") },
	{ group: "Access", name: "tokens", title: "Tokens", icon: "tokens", needs: ["token list"], staff: true, load: () => import("./screens/tokens.js") },
	{ group: "Access", name: "bans", title: "Banned networks", icon: "bans", needs: ["ban list"], load: () => import("./screens/bans.js") },
	{ group: "Access", name: "audit", title: "Audit log", icon: "audit", needs: ["audit list"], load: () => import("./screens/audit.js") },
	{ group: "You", name: "me", title: "My account", icon: "person", quick: true, load: () => import("./screens/me.js") },
	{ group: "You", name: "mine", title: "My mail", icon: "trace", needs: ["trace search"], under: ["story"], quick: true, when: isPerson, load: () => import("./screens/trace.js") },
	{ group: "You", name: "book", title: "Address book", icon: "people", needs: ["directory list"], load: () => import("./screens/book.js") },
	{ group: "You", name: "about", title: "About", icon: "about", load: () => import("./screens/about.js") },
	// reached from others
	{ name: "domain", title: "Domain", needs: ["domain show"], load: () => import("./screens/domain.js") },
	{ name: "person", title: "Person", needs: ["user show"], load: () => import("./screens/person.js") },
	{ name: "message", title: "Message", needs: ["queue show"], load: () => import("./screens/message.js") },
	{ name: "story", title: "Story of a message", needs: ["trace show"], load: () => import("./screens/story.js") },
];

const may = (s) => (!s.needs || s.needs.some((v) => can(v))) && (!s.staff || !isPerson()) && (!s.when || s.when());

export const find = (name) => SCREENS.find((s) => s.name === name && may(s));

// the groups of the navigation, without what the asker may not use
export function visible() {
	const groups = [];
	for (const s of SCREENS) {
		if (s.group === undefined || !may(s))
			continue;
		if (groups.at(-1)?.title !== s.group)
			groups.push({ title: s.group, screens: [] });
		groups.at(-1).screens.push(s);
	}
	return groups;
}
