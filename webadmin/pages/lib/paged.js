// SPDX-License-Identifier: ISC
// paged.js: the rows of a list that the server searches and pages (match, limit, after); for a
// verb that does not know these arguments, all rows at once.
import { useState, useEffect, useRef } from "./dom.js";
import { read } from "./api.js";
import { can } from "./session.js";
import { useStill } from "./ask.js";

const STEP = 500;

// key: the column that `after` names. {rows, missing, error, loading, more, reload}; rows null: not yet there; missing: why these are not all
export function usePaged(verb, args, key, text) {
	const paged = can(verb, "limit") && can(verb, "after"), match = can(verb, "match");
	const find = useStill(match ? text.trim() : ""), turn = useRef(0);
	const [state, set] = useState({ rows: null, error: null, loading: true, rest: false });
	const asked = JSON.stringify([verb, args, find]);
	const load = async (after) => {
		const mine = ++turn.current;
		set((s) => ({ ...s, loading: true }));
		try {
			const rows = await read(verb, { ...args, ...(find ? { match: find } : {}), ...(paged ? { limit: STEP, ...(after ? { after } : {}) } : {}) });
			if (mine === turn.current)
				set((s) => ({ rows: after ? [...s.rows, ...rows] : rows, missing: rows.missing, error: null, loading: false, rest: paged && rows.length === STEP }));
		} catch (error) {
			if (mine === turn.current)
				set((s) => ({ ...s, rows: s.rows || [], error, loading: false }));
		}
	};
	useEffect(() => {
		load();
		return () => {
			turn.current++;
		};
	}, [asked]);
	// the server does not search: here it is done
	const words = match ? [] : text.toLowerCase().split(/\s+/).filter(Boolean);
	const rows = state.rows && words.length ? state.rows.filter((r) => words.every((w) => Object.values(r).join("\n").toLowerCase().includes(w))) : state.rows;
	return { ...state, rows, reload: () => load(), more: state.rest ? () => load(state.rows.at(-1)[key]) : null };
}
