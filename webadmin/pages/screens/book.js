// SPDX-License-Identifier: ISC
// book.js: the address book: whom one can write to here.
import { html, useState } from "../lib/dom.js";
import { usePaged } from "../lib/paged.js";
import { Head, Card, Empty, Table, Search, Problem, Wait, Badge } from "../parts/all.js";

export default function Book() {
	const [text, setText] = useState(""), ask = usePaged("directory list", {}, "address", text);
	return html`<${Head} title="Address book" text="People and lists of this server that you can write to." />
		<${Card} label="Address book" pad=${false}>
			<div class="filters"><${Search} label="Find somebody" hint="Name or address" value=${text} onInput=${setText} /></div>
			${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
			${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="Address book" rows=${ask.rows} more=${ask.more} rowKey=${(r) => r.address}
				empty=${html`<${Empty} icon="search" title="Nobody found"><p>${text ? `No name or address has “${text}”.` : "Nobody is listed."}</p><//>`}
				columns=${[{ key: "name", label: "Name", lead: true, cell: (r) => html`<span class="main">${r.name || r.address}</span>${r.kind !== "person" && html` <${Badge} word=${r.kind} mood="info" plain=${true} />`}` },
					{ key: "address", label: "Address", cls: "wide", cell: (r) => html`<a href=${"mailto:" + encodeURIComponent(r.address)}>${r.address}</a>` }]} />`}<//>`;
}
