// SPDX-License-Identifier: ISC
// labels.js: what the arguments of the verbs are called on the page.
export const LABELS = {
	address: { label: "Address", placeholder: "name@example.org" },
	domain: { label: "Domain", placeholder: "example.org" },
	name: { label: "Name" },
	password: { label: "Password", invent: true },
	quota: { label: "Quota", hint: "For example 500M or 2G; empty or 0: the default." },
	quota_messages: { label: "Messages at most", hint: "0: no limit." },
	roles: { label: "Roles", hint: "admin: everything. admin@example.org: that domain. Several: separated by commas." },
	active: { label: "May log in" },
	catchall: { label: "Catch-all", hint: "Who gets mail to unknown addresses of the domain; empty: nobody, such mail is refused." },
	target: { label: "Goes to", hint: "One address a line." },
	keep: { label: "Keep a copy in the mailbox" },
	link: { label: "Link" },
	value: { label: "Value", quiet: true },
	key: { label: "Setting" },
	match: { label: "Contains" },
	host: { label: "Host name of the old server" },
	user: { label: "User" },
	path: { label: "Folder on the server" },
	folder: { label: "Folder" },
	dry_run: { label: "Only try: change nothing, say what would be done" },
};
