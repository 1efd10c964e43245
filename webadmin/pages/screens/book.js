// SPDX-License-Identifier: ISC
// book.js: the address book: whom one can write to here.
import { html, useState } from "../lib/dom.js";
import { usePaged } from "../lib/paged.js";
import { Head, Card, Empty, Table, Search, Problem, Wait, Badge, Note } from "../parts/all.js";

// RFC 6068: what is before the @ may have any character
const mailto = (address) => {
	const at = address.lastIndexOf("@");
	return `mailto:${encodeURIComponent(address.slice(0, at))}@${encodeURIComponent(address.slice(at + 1))}`;
};

export default function Book() {
	const [text, setText] = useState(""), ask = usePaged("directory list", {}, "address", text);
	return html`<${Head} title="Address book" text="People and lists of this server that you can write to." />
		<${Card} label="Address book" pad=${false}>
			<div class="filters"><${Search} label="Find somebody" hint="Name or address" value=${text} onInput=${setText} /></div>
			${ask.error && html`<div class="body"><${Problem} error=${ask.error} again=${ask.reload} /></div>`}
			${ask.missing && html`<div class="body"><${Note} mood="warn">${ask.missing}<//></div>`}
			${ask.rows === null ? html`<${Wait} />` : html`<${Table} label="Address book" rows=${ask.rows} more=${ask.more} rowKey=${(r) => r.address}
				empty=${html`<${Empty} icon="search" title="Nobody found"><p>${text ? `No name or address has “${text}”.` : "Nobody is listed."}</p><//>`}
				columns=${[{ key: "name", label: "Name", lead: true, cell: (r) => html`<bdi class="main">${r.name || r.address}</bdi>${r.kind !== "person" && html` <${Badge} word=${r.kind} mood="info" plain=${true} />`}` },
					{ key: "address", label: "Address", cls: "wide", cell: (r) => html`<a href=${mailto(r.address)}>${r.address}</a>` }]} />`}<//>`;
}
