// SPDX-License-Identifier: ISC
// servers.js: which server and port a person types into a mail program: what programs find by themselves (autoconfig), so
// it is said in one place.
import { useState, useEffect } from "../lib/dom.js";

const NAMES = { imap: "IMAP", pop3: "POP3", smtp: "Sending" };

function rowsOf(text) {
	const rows = new Map(), of = (s, name) => s.querySelector(name)?.textContent;
	for (const s of new DOMParser().parseFromString(text, "text/xml").querySelectorAll("incomingServer, outgoingServer")) {
		const name = NAMES[s.getAttribute("type")];
		if (name && !rows.has(name)) // TLS from the first byte stands before STARTTLS
			rows.set(name, `${of(s, "hostname")}, port ${of(s, "port")}, ${of(s, "socketType") === "SSL" ? "TLS" : "STARTTLS"}`);
	}
	return [...rows];
}

// rows of Facts, none until they are known
export function useServers(address) {
	const [rows, set] = useState([]);
	useEffect(() => {
		let here = true;
		fetch(`/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(address)}`).then((r) => (r.ok ? r.text() : ""), () => "").then((text) => here && set(rowsOf(text)));
		return () => {
			here = false;
		};
	}, [address]);
	return rows;
}
