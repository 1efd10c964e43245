/* SPDX-License-Identifier: ISC
 *
 * auth.c: what a program says to authd and how it reads the answers: the
 * client half of auth.h. It holds no state: a question is built, sent on the
 * link, and the answer with the same id is parsed into a value.
 *
 * An answer is checked like any peer's message: a result word that is not in
 * the table, a number that is none, or a missing key descriptor is E_PEER, and
 * then nothing is handed out.
 */
#include "auth/auth.h"

#include <sysexits.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rand.h"

static const struct {
	const char *word;
	enum auth_result result;
} results[] = {
	{ "ok", AUTH_OK },
	{ "unknown", AUTH_UNKNOWN },
	{ "nodomain", AUTH_NODOMAIN },
	{ "inactive", AUTH_INACTIVE },
	{ "denied", AUTH_DENIED },
	{ "temp", AUTH_TEMP },
};

static int result_parse(const struct ipc_msg *m, enum auth_result *out)
{
	struct str word = ipc_get(m, "result");
	size_t i;

	for (i = 0; i < ARRAY_LEN(results); i++) {
		if (str_eqc(word, results[i].word)) {
			*out = results[i].result;
			return 0;
		}
	}
	return E_PEER;
}

/* A number that may be absent (then 0). */
static int number(const struct ipc_msg *m, const char *name, uint64_t *out)
{
	uint64_t v = 0;
	int r = ipc_get_u64(m, name, UINT64_MAX, &v);

	if (r < 0 && r != E_NOTFOUND)
		return E_PEER;
	*out = r < 0 ? 0 : v;
	return 0;
}

static int ask(int link, struct ipc_msg *q, struct ipc_msg *m, deadline d)
{
	int r = ipc_call(link, q, m, d);

	if (r == 0 && !ipc_is(m, "answer"))
		r = E_PEER;
	return r;
}

int auth_redeem_send(int link, struct str ticket, struct str service, struct str session, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "redeem");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, "ticket", ticket);
	ipc_set(&q, "service", service);
	ipc_set(&q, "session", session);
	r = ipc_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_identity_parse(struct ipc_msg *m, struct arena *a, uint64_t *id_out,
	struct auth_identity *out)
{
	struct auth_identity id = { .key = -1 };
	uint64_t n;

	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, &n) < 0)
		return E_PEER;
	if (result_parse(m, &id.result) < 0)
		return E_PEER;
	if (number(m, "account", &id.account) < 0 || number(m, "quota_bytes", &id.quota_bytes) < 0 ||
	    number(m, "quota_messages", &id.quota_messages) < 0)
		return E_PEER;
	if (id.result == AUTH_OK && ipc_get(m, "user").n == 0)
		return E_PEER;
	id.user = arena_str(a, ipc_get(m, "user"));
	id.name = arena_str(a, ipc_get(m, "name"));
	id.roles = arena_str(a, ipc_get(m, "roles"));
	id.renew = arena_str(a, ipc_get(m, "renew"));
	if (id.result == AUTH_OK)
		id.key = ipc_take_fd(m, "key");
	*id_out = n;
	*out = id;
	return 0;
}

int auth_redeem(int link, struct str ticket, struct str service, struct arena *a,
	struct auth_identity *out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	uint64_t id;
	int r;

	ipc_init(&q, "redeem");
	ipc_set(&q, "ticket", ticket);
	ipc_set(&q, "service", service);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = auth_identity_parse(&m, a, &id, out);
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

/* Targets come as four repeated fields, one of each per target. */
static int rcpt_parse(const struct ipc_msg *m, struct arena *a, struct auth_rcpt *out)
{
	struct auth_rcpt v = { 0 };
	uint64_t n, no, i;

	if (result_parse(m, &v.result) < 0)
		return E_PEER;
	if (number(m, "targets", &n) < 0 || number(m, "outsiders", &no) < 0 ||
	    n > AUTH_TARGETS_MAX || no > AUTH_TARGETS_MAX)
		return E_PEER;
	v.target = arena_array(a, (size_t)n, sizeof(*v.target));
	v.outside = arena_array(a, (size_t)no, sizeof(*v.outside));
	for (i = 0; i < n; i++) {
		struct auth_target *t = &v.target[i];

		t->account = arena_str(a, ipc_get_nth(m, "target", i));
		t->detail = arena_str(a, ipc_get_nth(m, "detail", i));
		if (t->account.n == 0 ||
		    str_u64(ipc_get_nth(m, "quota_bytes", i), UINT64_MAX, &t->quota_bytes) < 0 ||
		    str_u64(ipc_get_nth(m, "quota_messages", i), UINT64_MAX, &t->quota_messages) < 0)
			return E_PEER;
	}
	for (i = 0; i < no; i++) {
		v.outside[i] = arena_str(a, ipc_get_nth(m, "outside", i));
		if (v.outside[i].n == 0)
			return E_PEER;
	}
	v.moved = arena_str(a, ipc_get(m, "moved"));
	v.ntargets = (size_t)n;
	v.noutside = (size_t)no;
	*out = v;
	return 0;
}

static int ask_rcpt(int link, struct str address, bool own, struct arena *a, struct auth_rcpt *out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	int r;

	ipc_init(&q, "rcpt");
	ipc_set(&q, "address", address);
	ipc_set_bool(&q, "own", own);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = rcpt_parse(&m, a, out);
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	return ask_rcpt(link, address, false, a, out, d);
}

int auth_rcpt_send(int link, struct str address, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "rcpt");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, "address", address);
	r = ipc_try_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_rcpt_answer(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_rcpt *out)
{
	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, id_out) < 0)
		return E_PEER;
	return rcpt_parse(m, a, out);
}

/* The word of a rule in a field; absent: no rule. */
static int access_parse(const struct ipc_msg *m, const char *field, enum auth_access *out)
{
	static const char *const words[] = { "", "reject", "hold", "allow", "relay" };
	struct str given = ipc_get(m, field);
	size_t i;

	for (i = given.p ? 1 : 0; i < ARRAY_LEN(words); i++)
		if (!given.p || str_eqc(given, words[i])) {
			*out = (enum auth_access)i;
			return 0;
		}
	return E_PEER;
}

static int srs_parse(const struct ipc_msg *m, enum auth_srs *out)
{
	static const char *const words[] = { [AUTH_SRS_GOOD] = "good", [AUTH_SRS_BAD] = "bad", [AUTH_SRS_EXPIRED] = "expired" };
	struct str given = ipc_get(m, "srs");
	size_t i;

	*out = AUTH_SRS_NONE;
	for (i = AUTH_SRS_GOOD; given.p && i < ARRAY_LEN(words); i++)
		if (str_eqc(given, words[i]))
			*out = (enum auth_srs)i;
	if (given.p && *out == AUTH_SRS_NONE)
		return E_PEER;
	if (ipc_get_bool(m, "srs_limit"))
		*out = AUTH_SRS_LIMIT;
	return 0;
}

static int arrival_parse(const struct ipc_msg *m, struct str address, struct arena *a, struct auth_arrival *out)
{
	struct str rewritten = ipc_get(m, "rewritten");
	bool first = ipc_get(m, "access_first").p != NULL;
	struct auth_arrival v = { .address = address };

	if (rcpt_parse(m, a, &v.rcpt) < 0 || access_parse(m, first ? "access_first" : "access", &v.access) < 0 ||
		srs_parse(m, &v.srs) < 0)
		return E_PEER;
	/* a rule about a recipient makes nobody a relay */
	if (v.access == AUTH_ACCESS_RELAY && !first)
		return E_PEER;
	v.text = arena_str(a, ipc_get(m, first ? "text_first" : "text"));
	if (rewritten.p)
		v.address = arena_str(a, rewritten);
	*out = v;
	return 0;
}

int auth_arrivals(int link, const struct str *address, size_t n, struct str sender, struct str client, struct arena *a,
	struct auth_arrival *out, size_t *n_out, deadline d)
{
	struct ipc_msg q[AUTH_ARRIVALS_MAX], m[AUTH_ARRIVALS_MAX];
	size_t i, got = 0;
	int r;

	BUG_ON(n > AUTH_ARRIVALS_MAX);
	for (i = 0; i < n; i++) {
		ipc_init(&q[i], "arrival");
		ipc_set(&q[i], "address", address[i]);
		ipc_set(&q[i], "sender", sender);
		ipc_set(&q[i], "client", client);
	}
	r = ipc_call_all(link, q, n, m, d);
	for (i = 0; i < n; i++) {
		if (got == i && m[i].verb.n && ipc_is(&m[i], "answer") && arrival_parse(&m[i], address[i], a, &out[i]) == 0)
			got++;
		ipc_done(&m[i]);
		ipc_done(&q[i]);
	}
	*n_out = got;
	return got ? 0 : r ? r : E_PEER;
}

int auth_forward_sender(int link, struct str sender, struct str domain, struct arena *a, struct str *out, bool *ours_out,
	deadline d)
{
	enum auth_result result = AUTH_TEMP;
	struct ipc_msg q, m = { 0 };
	int r;

	ipc_init(&q, "srs");
	ipc_set(&q, "sender", sender);
	ipc_set(&q, "domain", domain);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, &result);
	if (r == 0 && result != AUTH_OK)
		r = E_TEMP;
	if (r == 0) {
		*out = arena_str(a, ipc_get(&m, "address"));
		*ours_out = ipc_get_bool(&m, "ours");
	}
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_rcpt_key(int link, struct str address, struct arena *a, struct auth_rcpt *out, int *key_out,
	deadline d)
{
	struct ipc_msg q, m = { 0 };
	int r;

	ipc_init(&q, "rcpt");
	ipc_set(&q, "address", address);
	ipc_set_bool(&q, "key", true);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = rcpt_parse(&m, a, out);
	if (r == 0)
		*key_out = out->ntargets == 1 ? ipc_take_fd(&m, "key.0") : -1;
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_sender(int link, struct str user, struct str address, struct arena *a,
	enum auth_result *out, struct str *rewritten_out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	int r;

	ipc_init(&q, "sender");
	ipc_set(&q, "user", user);
	ipc_set(&q, "address", address);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, out);
	if (r == 0)
		*rewritten_out = arena_str(a, ipc_get(&m, "rewritten"));
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_senders(int link, struct str user, const struct str *address, size_t n, enum auth_result *out, deadline d)
{
	struct ipc_msg q[AUTH_SENDERS_MAX], m[AUTH_SENDERS_MAX];
	size_t i;
	int r;

	BUG_ON(n > AUTH_SENDERS_MAX);
	for (i = 0; i < n; i++) {
		ipc_init(&q[i], "sender");
		ipc_set(&q[i], "user", user);
		ipc_set(&q[i], "address", address[i]);
	}
	r = ipc_call_all(link, q, n, m, d);
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = ipc_is(&m[i], "answer") ? result_parse(&m[i], &out[i]) : E_PEER;
		ipc_done(&m[i]);
		ipc_done(&q[i]);
	}
	return r;
}

static int route_ask(int link, const char *what, struct str to, const char *who, struct str from, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "route");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, what, to);
	ipc_set(&q, who, from);
	r = ipc_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_route_send(int link, struct str domain, struct str sender, uint64_t id)
{
	return route_ask(link, "domain", domain, "sender", sender, id);
}

int auth_route_send_test(int link, struct str address, struct str sender, uint64_t id)
{
	return route_ask(link, "recipient", address, "from", sender, id);
}

int auth_test_parse(const struct ipc_msg *m, struct arena *a, struct auth_test *out)
{
	struct auth_test v = { .ours = ipc_get_bool(m, "ours") };

	if (access_parse(m, "access", &v.access) < 0 || v.access == AUTH_ACCESS_RELAY)
		return E_PEER;
	v.goes = arena_str(a, ipc_get(m, "goes"));
	v.address = arena_str(a, ipc_get(m, "rewritten"));
	v.sender = arena_str(a, ipc_get(m, "rewritten_sender"));
	v.rule = arena_str(a, ipc_get(m, "rule"));
	v.text = arena_str(a, ipc_get(m, "text"));
	*out = v;
	return 0;
}

/* The number of a field's word in a list, or E_PEER. */
static int route_word(const struct ipc_msg *m, const char *field, const char *const *words, int n)
{
	struct str given = ipc_get(m, field);
	int i;

	for (i = 0; i < n; i++)
		if (str_eqc(given, words[i]))
			return i;
	return E_PEER;
}

int auth_route_parse(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_route *out)
{
	static const char *const tls[] = { "default", "verify", "encrypt", "may", "none" };
	static const char *const starts[] = { "auto", "starttls", "implicit" };
	struct auth_route v = { 0 };
	uint64_t id, port = 0;
	int t, s;

	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, &id) < 0 || result_parse(m, &v.result) < 0)
		return E_PEER;
	if (v.result == AUTH_OK) {
		t = route_word(m, "tls", tls, ARRAY_LEN(tls));
		s = route_word(m, "start", starts, ARRAY_LEN(starts));
		v.host = arena_str(a, ipc_get(m, "host"));
		if (t < 0 || s < 0 || ipc_get_u64(m, "port", UINT16_MAX, &port) < 0 || (v.host.n > 0) != (port > 0))
			return E_PEER;
		v.tls = (enum auth_route_tls)t;
		v.start = (enum auth_route_start)s;
		v.port = (uint16_t)port;
		v.user = arena_str(a, ipc_get(m, "user"));
		v.secret = arena_str(a, ipc_get(m, "secret"));
		v.mech = arena_str(a, ipc_get(m, "mech"));
		v.source = arena_str(a, ipc_get(m, "source"));
	}
	*id_out = id;
	*out = v;
	return 0;
}

int auth_domain(int link, struct str domain, struct arena *a, struct auth_domain *out, deadline d)
{
	struct auth_domain v = { 0 };
	struct ipc_msg q, m = { 0 };
	size_t i;
	int r;

	ipc_init(&q, "domain");
	ipc_set(&q, "domain", domain);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, &v.result);
	if (r == 0) {
		v.host = arena_str(a, ipc_get(&m, "host"));
		while (ipc_get_nth(&m, "source", v.nsources).p)
			v.nsources++;
		v.source = arena_array(a, v.nsources + 1, sizeof(*v.source));
		for (i = 0; i < v.nsources; i++)
			v.source[i] = arena_str(a, ipc_get_nth(&m, "source", i));
		*out = v;
	}
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_accounts(int link, struct str after, struct arena *a, struct str **out, size_t *n_out,
	bool *more_out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	enum auth_result result;
	struct str *name;
	size_t n = 0, i;
	int r;

	ipc_init(&q, "accounts");
	ipc_set(&q, "after", after);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, &result);
	if (r == 0 && result != AUTH_OK)
		r = E_TEMP;
	if (r == 0) {
		while (ipc_get_nth(&m, "account", n).p)
			n++;
		name = arena_array(a, n + 1, sizeof(*name));
		for (i = 0; i < n; i++)
			name[i] = arena_str(a, ipc_get_nth(&m, "account", i));
		*out = name;
		*n_out = n;
		*more_out = ipc_get_bool(&m, "more");
	}
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_directory_copy(int link, int *fd_out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	enum auth_result result;
	int r, fd;

	ipc_init(&q, "copy");
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, &result);
	fd = r == 0 ? ipc_take_fd(&m, "database") : -1;
	if (r == 0 && (result != AUTH_OK || fd < 0)) {
		fd_close(&fd);
		r = E_TEMP;
	}
	if (r == 0)
		*fd_out = fd;
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

/* One question for at most IPC_MAX_FDS keys: descriptor "key.I" answers account I. */
static int keys_some(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	struct ipc_msg q, m = { 0 };
	enum auth_result result;
	char name[24];
	size_t i;
	int r;

	ipc_init(&q, "keys");
	for (i = 0; i < n; i++)
		ipc_set(&q, "account", account[i]);
	r = ask(link, &q, &m, d);
	if (r == 0)
		r = result_parse(&m, &result);
	if (r == 0 && result != AUTH_OK)
		r = E_TEMP;
	for (i = 0; r == 0 && i < n; i++) {
		snprintf(name, sizeof(name), "key.%u", (unsigned)i);
		key_out[i] = ipc_take_fd(&m, name);
	}
	ipc_done(&m);
	ipc_done(&q);
	return r;
}

int auth_keys(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	size_t at, some, i;
	int r;

	for (at = 0; at < n; at += some) {
		some = MIN(n - at, (size_t)IPC_MAX_FDS);
		r = keys_some(link, account + at, some, key_out + at, d);
		if (r < 0) {
			for (i = 0; i < at; i++)
				fd_close(&key_out[i]);
			return r;
		}
	}
	return 0;
}

int auth_mailbox(int link, struct str address, struct arena *a, struct auth_target *out, int *key_out,
	const char **why_out, deadline d)
{
	struct auth_rcpt rcpt;

	*why_out = "authd does not answer; try again";
	if (ask_rcpt(link, address, true, a, &rcpt, d) < 0 || rcpt.result == AUTH_TEMP)
		return EX_TEMPFAIL;
	*why_out = arena_fmt(a, "there is no account %.*s", STRF(address));
	if (rcpt.ntargets != 1 || rcpt.noutside != 0)
		return EX_NOUSER;
	*out = rcpt.target[0];
	*why_out = arena_fmt(a, "%.*s: the mailbox cannot be opened; see the log of authd", STRF(address));
	*key_out = -1;
	if (auth_keys(link, &out->account, 1, key_out, d) < 0 || *key_out < 0)
		return EX_TEMPFAIL;
	*why_out = NULL;
	return EX_OK;
}

/* --- where a mailbox lies -------------------------------------------------------- */

int auth_path_part(struct str part, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	struct buf b;
	size_t i;
	int r;

	buf_init(&b, AUTH_PART_MAX + 1);
	for (i = 0; i < part.n; i++) {
		unsigned char c = (unsigned char)part.p[i];

		if (c <= 0x20 || c == 0x7f || c == '%' || c == '/' || (c == '.' && i == 0)) {
			buf_c(&b, '%');
			buf_c(&b, hex[c >> 4]);
			buf_c(&b, hex[c & 15]);
		} else {
			buf_c(&b, (char)c);
		}
	}
	r = part.n == 0 || b.err || b.n > AUTH_PART_MAX ? E_SYNTAX : 0;
	if (r == 0)
		buf_str(out, buf_view(&b));
	buf_done(&b);
	return r == 0 ? out->err : r;
}

int auth_mailbox_path(struct str address, struct buf *out)
{
	ssize_t at = str_rfind(address, '@');
	int r = at < 1 ? E_SYNTAX : auth_path_part(str_from(address, (size_t)at + 1), out);

	if (r == 0) {
		buf_c(out, '/');
		r = auth_path_part(str_sub(address, 0, (size_t)at), out);
	}
	return r;
}
