// SPDX-License-Identifier: ISC
// router.js: the address after # is the place: #/people/anna@example.org?tab=mail.
import { useState, useEffect } from "./dom.js";

export function parse(hash) {
	const [path, query] = hash.replace(/^#\/?/, "").split("?");
	const parts = path.split("/").filter(Boolean).map((p) => {
		try {
			return decodeURIComponent(p);
		} catch (e) {
			return p;
		}
	});
	return { name: parts[0] || "", id: parts.slice(1).join("/"), query: Object.fromEntries(new URLSearchParams(query || "")) };
}

export function link(name, id, query) {
	const q = new URLSearchParams(Object.entries(query || {}).filter(([, v]) => v !== undefined && v !== null && v !== "")).toString();
	return "#/" + name + (id ? "/" + encodeURIComponent(id) : "") + (q ? "?" + q : "");
}

export function go(...where) {
	location.hash = link(...where);
}

// changes the query of the present place without a new step in the history
export function setQuery(query) {
	const here = parse(location.hash);
	history.replaceState(null, "", link(here.name, here.id, query));
}

export function useRoute() {
	const [route, set] = useState(() => parse(location.hash));
	useEffect(() => {
		const hear = () => set(parse(location.hash));
		addEventListener("hashchange", hear);
		return () => removeEventListener("hashchange", hear);
	}, []);
	return route;
}
