/* SPDX-License-Identifier: ISC
 *
 * resolver.c: questions to resolverd and its answers (see resolver.h).
 */
#include "net/resolver.h"

#include "base/clock.h"

/* --- one message ------------------------------------------------------------------- */

static int send_question(int link, const char *verb, uint64_t id, const char *name, const char *type, int64_t wait_ms,
	bool wait, bool fresh)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, verb);
	ipc_set_u64(&m, "id", id);
	ipc_setc(&m, "name", name);
	ipc_setc(&m, "type", type);
	ipc_set_u64(&m, "wait", (uint64_t)MAX(wait_ms, (int64_t)1));
	if (fresh)
		ipc_set_bool(&m, "fresh", true);
	if (link < 0)
		r = E_CLOSED;
	else
		r = wait ? ipc_send(link, &m) : ipc_try_send(link, &m);
	ipc_done(&m);
	return r;
}

int resolver_send(int link, uint64_t id, const char *name, enum dns_type type, int64_t wait_ms, bool fresh)
{
	return send_question(link, "ask", id, name, dns_type_name(type), wait_ms, false, fresh);
}

int resolver_send_address(int link, uint64_t id, const char *name, int64_t wait_ms, bool fresh)
{
	return send_question(link, "address", id, name, NULL, wait_ms, false, fresh);
}

int resolver_parse(const struct ipc_msg *m, enum dns_type type, struct arena *a, struct dns_answer *out)
{
	struct dns_answer x = { 0 };
	uint64_t ttl = 0;
	struct str text;

	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, &x.id) ||
		dns_state_parse(ipc_get(m, "state"), &x.state))
		return E_PEER;
	ipc_get_u64(m, "ttl", UINT32_MAX, &ttl);
	x.ttl = (uint32_t)ttl;
	x.secure = ipc_get_bool(m, "secure");
	x.canonical = arena_str(a, ipc_get(m, "canonical"));
	x.why = arena_str(a, ipc_get(m, "why"));
	while (x.n < DNS_RECORDS && (text = ipc_get_nth(m, "record", x.n)).p) {
		if (!x.record)
			x.record = arena_array(a, DNS_RECORDS, sizeof *x.record);
		if (dns_record_parse(text, type, a, &x.record[x.n]))
			return E_PEER;
		x.record[x.n++].ttl = x.ttl;
	}
	if ((x.state == DNS_OK) != (x.n > 0))
		return E_PEER;
	*out = x;
	return 0;
}

int resolver_parse_address(const struct ipc_msg *m, struct resolver_addresses *out)
{
	struct resolver_addresses a = { 0 };
	struct str ip;
	size_t i;

	if (!ipc_is(m, "address") || ipc_get_u64(m, "id", UINT64_MAX, &a.id))
		return E_PEER;
	for (i = 0; i < RESOLVER_ADDRESSES && (ip = ipc_get_nth(m, "ip", i)).p; i++) {
		if (addr_parse(ip, &a.addr[i]))
			return E_PEER;
		a.local[i] = str_eqc(ipc_get_nth(m, "local", i), "1");
		a.n = i + 1;
	}
	a.secure = ipc_get_bool(m, "secure");
	if (dns_is_hostname(ipc_get(m, "canonical")))
		snprintf(a.canonical, sizeof a.canonical, "%.*s", STRF(ipc_get(m, "canonical")));
	if (!a.n && (dns_state_parse(ipc_get(m, "state"), &a.state) || a.state == DNS_OK))
		a.state = DNS_NODATA;
	snprintf(a.error, sizeof a.error, "%.*s", STRF(ipc_get(m, "error")));
	if (!a.n && !a.error[0])
		snprintf(a.error, sizeof a.error, "no address");
	*out = a;
	return 0;
}

void resolver_answer_print(const struct dns_answer *x, enum dns_type type, struct ipc_msg *m)
{
	struct buf text;
	size_t i;

	ipc_init(m, "answer");
	ipc_set_u64(m, "id", x->id);
	ipc_setc(m, "state", dns_state_name(x->state));
	ipc_set_bool(m, "secure", x->secure);
	ipc_set_u64(m, "ttl", x->ttl);
	if (x->canonical.n)
		ipc_set(m, "canonical", x->canonical);
	if (x->why.n)
		ipc_set(m, "why", x->why);
	buf_init(&text, 256 * 1024);
	for (i = 0; i < x->n; i++) {
		buf_reset(&text);
		dns_record_print(&x->record[i], type, &text);
		ipc_set(m, "record", buf_view(&text));
	}
	buf_done(&text);
}

/* --- blocking --------------------------------------------------------------------------- */

static struct dns_answer failed(enum dns_state state)
{
	return (struct dns_answer){ .state = state, .canonical = STR(""), .why = STR("") };
}

/* Numbers of questions never come twice on a link, so that a late answer is known as one. */
static uint64_t next_id = 1;

static int take_answers(int link, struct arena *a, struct resolver_question *q, size_t n, uint64_t first, deadline until)
{
	struct dns_answer x;
	size_t open = n;
	struct ipc_msg m;
	uint64_t id;
	int r = 0;

	while (open > 0 && r == 0) {
		r = ipc_recv_until(link, &m, until);
		if (r == 0 && ipc_is(&m, "answer") && !ipc_get_u64(&m, "id", UINT64_MAX, &id) && id >= first && id < first + n) {
			r = resolver_parse(&m, q[id - first].type, a, &x);
			if (r == 0) {
				q[id - first].answer = x;
				open--;
			}
		}
		ipc_done(&m);
	}
	return r;
}

void resolver_ask_all(int link, struct arena *a, struct resolver_question *q, size_t n, int64_t wait_ms)
{
	uint64_t first = next_id;
	deadline until = deadline_in(wait_ms + RESOLVER_SLACK_MS);
	size_t i;
	int r = 0;

	next_id += n;
	for (i = 0; i < n; i++) {
		q[i].answer = failed(link < 0 ? DNS_AWAY : DNS_TIMEOUT);
		if (r == 0)
			r = send_question(link, "ask", first + i, q[i].name, dns_type_name(q[i].type), wait_ms, true, false);
	}
	if (r == 0)
		r = take_answers(link, a, q, n, first, until);
	for (i = 0; i < n && r < 0 && r != E_TIMEOUT; i++)
		if (q[i].answer.state == DNS_TIMEOUT && q[i].answer.id == 0)
			q[i].answer = failed(DNS_AWAY);
}

void resolver_ask(int link, struct arena *a, const char *name, enum dns_type type, int64_t wait_ms,
	struct dns_answer *out)
{
	struct resolver_question q = { name, type, { 0 } };

	resolver_ask_all(link, a, &q, 1, wait_ms);
	*out = q.answer;
}

void resolver_address(int link, const char *name, int64_t wait_ms, struct resolver_addresses *out)
{
	struct resolver_addresses x = { 0 };
	uint64_t id = next_id++;
	deadline until = deadline_in(wait_ms + RESOLVER_SLACK_MS);
	struct ipc_msg m;
	int r = send_question(link, "address", id, name, NULL, wait_ms, true, false);

	while (r == 0) {
		r = ipc_recv_until(link, &m, until);
		if (r == 0 && ipc_is(&m, "address"))
			r = resolver_parse_address(&m, &x);
		ipc_done(&m);
		if (r == 0 && x.id == id) {
			*out = x;
			return;
		}
	}
	x = (struct resolver_addresses){ .state = r == E_TIMEOUT ? DNS_TIMEOUT : DNS_AWAY };
	snprintf(x.error, sizeof x.error, "%s", dns_state_text(x.state));
	*out = x;
}
