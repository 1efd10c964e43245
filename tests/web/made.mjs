// SPDX-License-Identifier: ISC
// made.mjs: made-up answers in the form of the API, any number of rows, for every verb that a screen
// asks. So each screen is seen empty, with one row, and with ten thousand, and each text of each
// row can be anything that a stranger may have written.
const now = () => Math.floor(Date.now() / 1000);

// what kind of value a column holds; all others are text
const NUMBERS = "pid instance restarts sessions messages unseen folders quota_messages users aliases attempts recipients waiting active_n held scheduled failed code done taken total days port pending successes failures posted given_up count";
const SIZES = "size quota usage bytes new_bytes";
const TIMES = "until time oldest since last expires not_after renew_at last_try next_try";
const AGES = "age left seconds next";
const FIXED = { active: "yes", type: null };
// columns that mean another thing in one list
const OTHER = { "send-as list": { address: () => "someone0@example.org" }, "ban list": { until: (i) => (i % 4 ? now() + 3600 * i : ""), door: (i) => ["closed", "open"][i % 2], network: (i) => `192.0.${i >> 8}.${i % 256}/32` }, "session list": { service: (i) => ["web", "imaps", "submission"][i % 3] }, "destination list": { limit: (i) => i % 7, active: (i) => i % 3, state: (i) => ["up", "slow", "down"][i % 3] }, "queue list": { active: (i) => i % 3 }, "dkim list": { state: (i) => ["next", "active", "old"][i % 3] }, "test delivery": { ms: (i) => 7 * i }, "report list": { state: (i) => ["received", "waiting", "sent"][i % 3], by: (i) => (i % 3 ? "us" : "others") }, "report show": { sessions: (i) => i } };
const kindOf = Object.fromEntries([[NUMBERS, "number"], [SIZES, "size"], [TIMES, "time"], [AGES, "age"]].flatMap(([names, kind]) => names.split(" ").map((n) => [n, kind])));
const address = /^(address|user|sender|recipient|who)$/;

// verb: who, effect, arguments, columns
const VERBS = {
	"status": ["admin", "read", "", "process instance pid state age sessions restarts note"],
	"domain list": ["domain", "read", "", "domain active users aliases catchall"],
	"domain show": ["domain", "read", "domain!", "domain active users aliases catchall"],
	"domain add": ["admin", "change", "domain!", ""],
	"domain change": ["admin", "change", "domain! catchall active:bool", ""],
	"domain remove": ["admin", "change", "domain!", ""],
	"domain dns": ["domain", "read", "domain! zone:flag", "name type value why need"],
	"domain check": ["domain", "read", "domain!", "name type state found expected words fix"],
	"user list": ["domain", "read", "domain? match after limit:number", "address name active quota quota_messages roles forward"],
	"user show": ["person", "read", "address!", "address name active state expires until quota quota_messages roles forward"],
	"user add": ["domain", "change", "address! name quota:size quota_messages:number roles# active:bool password:secret", ""],
	"user change": ["domain", "change", "address! name quota:size quota_messages:number roles# active:bool", ""],
	"user remove": ["domain", "change", "address!", ""],
	"user password": ["person", "change", "address! old:secret password:secret", ""],
	"user invite": ["domain", "change", "address!", "link expires"],
	"user forward": ["person", "change", "address! target* keep:bool", ""],
	"alias list": ["domain", "read", "domain? target match after limit:number", "address targets"],
	"directory list": ["person", "read", "domain? match after limit:number", "address name kind"],
	"alias who": ["domain", "read", "address!", "step address kind words"],
	"alias add": ["domain", "change", "address! target+", ""],
	"alias change": ["domain", "change", "address! target+", ""],
	"alias remove": ["domain", "change", "address!", ""],
	"mailbox list": ["person", "read", "address!", "folder messages unseen size"],
	"mailbox status": ["person", "read", "address!", "address usage quota messages quota_messages folders"],
	"queue list": ["admin", "read", "message* by sender recipient domain older state limit:number", "message age size sender recipient state attempts next reply"],
	"queue show": ["admin", "read", "message!", "message age size sender user session envid file recipient"],
	"queue retry": ["admin", "change", "message* sender recipient domain older state all:flag", ""],
	"queue hold": ["admin", "change", "message* sender recipient domain older state all:flag", ""],
	"queue release": ["admin", "change", "message* sender recipient domain older state all:flag", ""],
	"queue bounce": ["admin", "change", "message* sender recipient domain older state all:flag", ""],
	"queue remove": ["admin", "change", "message* sender recipient domain older state all:flag", ""],
	"queue reroute": ["admin", "change", "message* hop sender recipient domain older state all:flag", "messages recipients"],
	"suppression list": ["admin", "read", "domain match after limit:number", "address sender class age left reply"],
	"suppression add": ["admin", "change", "address! sender time comment", ""],
	"suppression remove": ["admin", "change", "address! sender", ""],
	"destination list": ["admin", "read", "limit:number", "destination state active limit left reply"],
	"route list": ["admin", "read", "match", "to sender_domain host port tls start username password mech source comment"],
	"route add": ["admin", "change", "to! host? sender_domain tls start username password:secret mech source comment", ""],
	"route change": ["admin", "change", "to! host:maybe? sender_domain tls start username password:secret mech source comment", ""],
	"route remove": ["admin", "change", "to! sender_domain", ""],
	"access list": ["admin", "read", "match", "kind who action text comment from"],
	"access add": ["admin", "change", "kind! who! action! text comment", ""],
	"access remove": ["admin", "change", "kind! who!", ""],
	"rewrite list": ["admin", "read", "match", "kind who new_address comment from"],
	"rewrite add": ["admin", "change", "kind! who! new_address! comment", ""],
	"rewrite remove": ["admin", "change", "kind! who!", ""],
	"dkim list": ["domain", "read", "domain?", "domain selector algorithm state since name value"],
	"dkim rotate": ["domain", "change", "domain!", "domain selector algorithm state since name value"],
	"dkim remove": ["domain", "change", "domain! selector? only:flag all:flag", ""],
	"webhook list": ["admin", "read", "", "url state pending oldest failures posted given_up words"],
	"webhook test": ["admin", "change", "", "words"],
	"accounting list": ["admin", "read", "", "file size"],
	"test delivery": ["admin", "change", "address! from all:bool", "stage host state ms words"],
	"report list": ["domain", "read", "domain? limit:number", "id day domain by organisation policies successes failures results state words"],
	"report show": ["domain", "read", "id!", "policy text result sessions mx ip from helo words"],
	"report send": ["admin", "change", "domain!", ""],
	"session list": ["person", "read", "", "id service peer user tls state seconds device"],
	"session kick": ["person", "change", "user^ id^", ""],
	"ban list": ["admin", "read", "match limit:number", "network since until count door reason"],
	"ban add": ["admin", "change", "network! time comment", ""],
	"ban remove": ["admin", "change", "network!", ""],
	"login list": ["person", "read", "", "id user peer since last agent"],
	"login end": ["person", "change", "user^ id^", ""],
	"app-password list": ["person", "read", "address!", "id label protocols since expires last peer"],
	"app-password add": ["person", "change", "address! label protocols expires old:secret", "id password"],
	"app-password remove": ["person", "change", "address! id!", ""],
	"owner list": ["person", "read", "address who", "who address since"],
	"owner add": ["domain", "change", "address! who!", ""],
	"owner remove": ["domain", "change", "address! who!", ""],
	"send-as list": ["person", "read", "address who", "who address since"],
	"send-as add": ["person", "change", "who! address domain", ""],
	"send-as remove": ["person", "change", "who! address domain", ""],
	"totp show": ["person", "read", "address!", "on since recovery_left"],
	"totp on": ["person", "change", "address! code old:secret", "secret uri"],
	"totp off": ["person", "change", "address! old:secret", ""],
	"security-key list": ["person", "read", "address!", "id label host algorithm since last peer"],
	"security-key add": ["person", "change", "address! label challenge client_data authenticator_data old:secret", ""],
	"security-key remove": ["person", "change", "address! id! old:secret", ""],
	"token list": ["admin", "read", "", "id label roles since expires last"],
	"token add": ["admin", "change", "label! role+ days:number", "id token"],
	"token remove": ["admin", "change", "id!", ""],
	"audit list": ["admin", "read", "since limit:number", "time who from verb args code"],
	"trace search": ["person", "read", "address sender recipient subject message_id since until state limit:number before", "time id session sender recipient recipients subject size state words"],
	"trace show": ["person", "read", "id!", "time event program words detail"],
	"log list": ["admin", "read", "level program match limit:number", "time level program event text"],
	"log follow": ["admin", "read", "level program match", "time level program event text"],
	"stats show": ["admin", "read", "series* since until step", "stats"],
	"stats live": ["admin", "read", "", "stats"],
	"changes list": ["admin", "read", "since", "time kind words"],
	"host check": ["admin", "read", "", "check state words fix"],
	"cert list": ["admin", "read", "", "service port name subject names issuer not_after days fingerprint source state words"],
	"cert show": ["admin", "read", "", "state names directory challenge not_after renew_at last_try next_try words fix"],
	"cert renew": ["admin", "change", "", ""],
	"config list": ["admin", "read", "match? changed:flag", "key value source default type limits words when editable text"],
	"config set": ["admin", "change", "key! value!", ""],
	"config unset": ["admin", "change", "key!", ""],
	"config history": ["admin", "read", "", "id time who verb key from to"],
	"config undo": ["admin", "change", "id!", ""],
	"backup list": ["admin", "read", "backup? address folder match limit:number", "id time kind mailboxes messages bytes new_bytes state words"],
	"backup run": ["admin", "change", "", ""],
	"backup verify": ["admin", "change", "backup? background:flag", "file finding"],
	"backup restore": ["admin", "change", "backup? address folder message in_place:flag all:flag from state config", ""],
	"backup remove": ["admin", "change", "backup+", ""],
	"import list": ["domain", "read", "", "job state taken total words"],
	"import imap": ["domain", "change", "address! host! user password:secret dry_run:flag", ""],
};
const ONE = new Set(["domain show", "user show", "mailbox status", "totp show", "queue show", "user invite", "token add", "cert show"]);

export const verbRows = (role = "admin", without = []) => Object.entries(VERBS)
	.filter(([name, [who]]) => !without.includes(name) && (role === "admin" || who === "person" || (role === "domain" && who === "domain")))
	.map(([name, [, effect, args]]) => {
		const words = name.split(" ");
		return { noun: words.length > 1 ? words[0] : "", verb: words.at(-1), effect, shape: ONE.has(name) ? "one" : "rows", args, text: `What ${name} does.` };
	});

function stats(i, n) {
	const t = now() - (n - i) * 60, wave = (a, b) => Math.round(a + b * (1 + Math.sin(i / 20)));
	return { time: t, in: wave(2, 9), out: wave(1, 5), rejected: wave(0, 20), deferred: 1, bounced: 0, delivered: wave(2, 8), queue: wave(0, 6), sessions: wave(9, 30), logins: 3, failed_logins: wave(0, 3),
		delivery_p50: wave(30, 9), delivery_p95: wave(90, 60), cpu: wave(1, 8), memory: 46000000, memory_total: 8000000000, disk_used: 31000000000, disk_total: 80000000000 };
}

// value i of a column; text(i, column) gives what stands in texts
function value(column, i, text) {
	switch (kindOf[column]) {
	case "number": return column === "days" ? 5 + (i % 80) : column === "code" ? (i % 4 ? 0 : 77) : i % 9;
	case "size": return 1000 * (i + 1);
	case "time": return now() - 60 * i;
	case "age": return 60 * (i + 1);
	}
	return column in FIXED && FIXED[column] ? FIXED[column] : text(i, column);
}

export function plain(i, column) {
	if (address.test(column))
		return `someone${i}@example.org`;
	if (column === "state")
		return ["OK", "WARN", "FAIL", "delivered"][i % 4];
	if (column === "key")
		return `group${i % 20}.key${i}`;
	if (column === "name" || column === "domain")
		return `${column}${i}.example`;
	return `${column} ${i}`;
}

// lists that are never long: records of a domain, checks of a host, steps of one message
const SHORT = { "domain dns": 30, "domain check": 30, "host check": 30, "cert list": 60, "trace show": 60, "mailbox list": 2000, "config list": 600, "status": 100, "webhook list": 1, "dkim list": 12, "test delivery": 12, "report show": 30 };

export function rows(verb, n, text = plain) {
	const [, , , columns] = VERBS[verb];
	n = Math.min(n, SHORT[verb] ?? n);
	if (columns === "stats")
		return Array.from({ length: Math.min(n, 400) }, (_, i) => stats(i, n));
	return Array.from({ length: n }, (_, i) => Object.fromEntries(columns.split(" ").filter(Boolean).map((c) => [c, OTHER[verb]?.[c]?.(i) ?? value(c, i, text)])));
}

// Answers every call of the page in the server's place. role: admin, domain, person; n rows of each list;
// without: verbs that are not there, looked at anew when the page is loaded anew; missing: error and code beside the rows
export async function pretend(page, options = {}) {
	const { role = "admin", n = 1, text = plain, fail = null, missing = {} } = options;
	const me = { address: "anna@example.org", name: text === plain ? "Anna Albers" : text(0, "name"), roles: { admin: ["admin"], domain: ["admin@example.org"], person: [] }[role], domains: role === "domain" ? ["example.org"] : [], csrf: "c" };
	const made = new Map(), asked = [];
	await page.route("**/api/v1/**", async (route) => {
		const url = new URL(route.request().url()), path = decodeURIComponent(url.pathname).replace("/api/v1/", ""), verb = path.replace("/", " "), q = url.searchParams;
		const json = (body, status = 200) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) });
		if (path === "me" || path === "login")
			return json(me);
		if (path === "logout")
			return json({});
		if (path === "verbs")
			return json({ rows: verbRows(role, options.without) });
		if (path.startsWith("stream/"))
			return route.fulfill({ status: 200, contentType: "text/event-stream", body: rows(path.slice(7).replace("/", " "), 1, text).map((r) => `data: ${JSON.stringify(r)}\n\n`).join("") });
		asked.push({ verb, method: route.request().method(), args: route.request().postDataJSON() || Object.fromEntries(q) });
		if (!VERBS[verb])
			return json({ error: `there is no verb ${verb}`, code: 64 }, 404);
		if (fail)
			return json({ error: fail, code: 69 }, 503);
		if (verb === "queue list" && q.get("by"))
			return json({ rows: rows(verb, n, text).map((r, i) => ({ [q.get("by")]: `d${i}.example`, recipients: 9, waiting: i % 9, active: 0, held: 0, scheduled: i % 2, failed: 0, next: r.next })) });
		if (ONE.has(verb))
			return json({ result: { ...rows(verb, 1, text)[0], ...(verb === "queue show" ? { recipient: [text(0, "recipient"), text(1, "recipient")] } : {}) } });
		const key = verb + n;
		if (!made.has(key))
			made.set(key, rows(verb, n, text));
		let out = made.get(key);
		// a person's list has no other's
		if (role === "person" && /^(session|login) list$/.test(verb))
			out = out.map((r) => ({ ...r, user: me.address }));
		// the owners of one mailbox, the mailboxes of one owner
		if (verb === "owner list")
			out = out.map((r) => ({ ...r, ...Object.fromEntries(q) }));
		if (q.get("match"))
			out = out.filter((r) => Object.values(r).join(" ").includes(q.get("match")));
		if (q.get("after"))
			out = out.slice(out.findIndex((r) => r.address === q.get("after")) + 1);
		if (Number(q.get("limit")) && verb !== "queue list")
			out = out.slice(0, Number(q.get("limit")));
		return json({ rows: out, ...missing });
	});
	return asked;
}

// every screen: where it is, and the verb of its main list ("": none)
export const SCREENS = [["dashboard", "status"], ["checks", "changes list"], ["trace", "trace search"], ["story/id0", "trace show"], ["queue", "queue list"], ["message/m0", ""], ["sending", ""], ["sending?tab=destinations", "destination list"], ["sending?tab=routes", "route list"], ["sending?tab=rules", "access list"],
	["sending?tab=suppressed", "suppression list"], ["sending?tab=reports", "accounting list"], ["log", ""], ["domains", "domain list"],
	["domain/example.org", "domain check"], ["people", "user list"], ["person/someone0%40example.org", "mailbox list"], ["aliases", "alias list"], ["book", "directory list"], ["sessions", "session list"], ["bans", "ban list"], ["certs", "cert list"], ["backups", "backup list"],
	["imports", "import list"], ["settings", "config list"], ["settings?view=history", "config history"], ["admins", "user list"], ["tokens", "token list"], ["audit", "audit list"], ["me", "mailbox list"], ["about", ""]];
