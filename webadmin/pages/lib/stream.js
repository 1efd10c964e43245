// SPDX-License-Identifier: ISC
// stream.js: rows that the server sends as they happen (text/event-stream). The browser takes a
// broken stream up again by itself; a stream that was closed for good is opened anew here,
// after 1, 2, 4 ... 30 seconds.
import { useState, useEffect, useRef } from "./dom.js";
import { streamPath } from "./api.js";

// state: "waiting", "live" or "broken"
export function useStream(verb, args, onRow, on = true) {
	const [state, setState] = useState("waiting");
	const take = useRef(onRow);
	take.current = onRow;
	const path = streamPath(verb, args);
	useEffect(() => {
		if (!on)
			return undefined;
		let source = null, timer = 0, pause = 1000;
		const open = () => {
			source = new EventSource(path);
			source.onopen = () => {
				pause = 1000;
				setState("live");
			};
			source.onmessage = (e) => {
				let row;
				try {
					row = JSON.parse(e.data);
				} catch (bad) {
					return;
				}
				take.current(row);
			};
			source.onerror = () => {
				setState("broken");
				if (source.readyState === EventSource.CLOSED) {
					timer = setTimeout(open, pause);
					pause = Math.min(pause * 2, 30000);
				}
			};
		};
		setState("waiting");
		open();
		return () => {
			clearTimeout(timer);
			source.close();
		};
	}, [path, on]);
	return state;
}
