// SPDX-License-Identifier: ISC
// ask.js: hooks around a verb that reads: data, error, loading, reload. While it loads anew the
// former data stay, so that nothing jumps.
import { useState, useEffect, useRef, useCallback } from "./dom.js";
import { read } from "./api.js";

// verb null: asks nothing. every: seconds between two asks while the page is seen.
export function useAsk(verb, args, { every = 0 } = {}) {
	const key = verb ? verb + JSON.stringify(args || {}) : "";
	const [state, set] = useState({ data: null, error: null, loading: Boolean(verb), key });
	const turn = useRef(0);
	const reload = useCallback(async () => {
		if (!verb)
			return;
		const mine = ++turn.current;
		set((s) => ({ ...s, loading: true }));
		try {
			const data = await read(verb, args);
			if (mine === turn.current)
				set({ data, error: null, loading: false, key });
		} catch (error) {
			if (mine === turn.current)
				set((s) => ({ data: error.rows || (s.key === key ? s.data : null), error, loading: false, key }));
		}
	}, [key]);
	useEffect(() => {
		reload();
		const timer = every && setInterval(() => document.hidden || reload(), every * 1000);
		return () => {
			turn.current++;
			clearInterval(timer);
		};
	}, [reload, every]);
	return { ...state, fresh: state.key === key, reload };
}

// a value that follows only when it has been still for a moment (typing)
export function useStill(value, ms = 250) {
	const [still, set] = useState(value);
	useEffect(() => {
		const timer = setTimeout(() => set(value), ms);
		return () => clearTimeout(timer);
	}, [value, ms]);
	return still;
}
