/* SPDX-License-Identifier: ISC
 *
 * job.c: attempts and results (see job.h). queued is checked like every peer: what it
 * says goes into commands to strangers, so nothing in it may end a line.
 */
#include "smtp/send/job.h"

#include "base/file.h"

#define RECIPIENTS_MAX 4000
#define ADDRESS_MAX 1000
#define PARAM_MAX 1000

/* May stand between the brackets of MAIL and RCPT. */
static bool address_ok(struct str s)
{
	return s.n <= ADDRESS_MAX && !str_has_ctl(s) && str_is_utf8(s);
}

/* May stand as the value of a parameter (xtext, RFC 3461 4; empty: none). */
static bool param_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n <= PARAM_MAX;
}

static bool word_ok(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z')))
			return false;
	return s.n > 0 && s.n <= 64;
}

/* "12 anna@example.org" */
static int parse_rcpt(struct str v, struct arena *a, struct job_rcpt *out)
{
	struct str number = str_cut(&v, ' ');
	uint64_t n;

	if (str_u64(number, UINT32_MAX, &n) || !v.n || !address_ok(v))
		return E_PEER;
	out->number = (uint32_t)n;
	out->address = arena_str(a, v);
	return 0;
}

/* "notify.12", "orcpt.12": of the recipient with that number. They come in the order of
 * the recipients, so the search goes on where the last one ended. */
static int parse_rcpt_field(struct job *j, struct str name, struct str v, size_t *at)
{
	struct str number = name, what = str_cut(&number, '.');
	uint64_t n, bits;
	size_t tries = 0;

	if (str_u64(number, UINT32_MAX, &n))
		return E_PEER;
	while (j->rcpt[*at].number != n && tries++ < j->nrcpt)
		*at = (*at + 1) % j->nrcpt;
	if (j->rcpt[*at].number != n)
		return E_PEER;
	if (str_eqc(what, "notify")) {
		if (str_u64(v, 15, &bits))
			return E_PEER;
		j->rcpt[*at].notify = (uint32_t)bits;
	} else {
		if (!param_ok(v))
			return E_PEER;
		j->rcpt[*at].orcpt = arena_str(&j->a, v);
	}
	return 0;
}

static int parse_rcpts(const struct ipc_msg *m, struct job *j)
{
	size_t i, n = 0, at = 0;

	for (i = 0; i < m->nfields; i++)
		n += str_eqc(m->field[i].name, "rcpt");
	if (n == 0 || n > RECIPIENTS_MAX)
		return E_PEER;
	j->rcpt = arena_array(&j->a, n, sizeof *j->rcpt);
	for (i = 0; i < m->nfields; i++)
		if (str_eqc(m->field[i].name, "rcpt") &&
			parse_rcpt(m->field[i].value, &j->a, &j->rcpt[j->nrcpt++]))
			return E_PEER;
	for (i = 0; i < m->nfields; i++) {
		struct str name = m->field[i].name;

		if ((str_starts(name, "notify.") || str_starts(name, "orcpt.")) &&
			parse_rcpt_field(j, name, m->field[i].value, &at))
			return E_PEER;
	}
	return 0;
}

/* "-9" to "9"; empty: 0 */
static int parse_priority(struct str v, int *out)
{
	bool negative = str_starts(v, "-");
	uint64_t n = 0;

	if (v.n && str_u64(negative ? str_from(v, 1) : v, 9, &n))
		return E_PEER;
	*out = negative ? -(int)n : (int)n;
	return 0;
}

static int parse(struct ipc_msg *m, struct job *j)
{
	struct str via = ipc_get(m, "via"), ret = ipc_get(m, "ret");

	j->id = arena_str(&j->a, ipc_get(m, "id"));
	j->message = arena_str(&j->a, ipc_get(m, "message"));
	j->sender = arena_str(&j->a, ipc_get(m, "sender"));
	j->envid = arena_str(&j->a, ipc_get(m, "envid"));
	j->session = arena_str(&j->a, ipc_get(m, "session"));
	j->user = arena_str(&j->a, ipc_get(m, "user"));
	j->dest = arena_str(&j->a, ipc_get(m, "dest"));
	j->hop = arena_str(&j->a, ipc_get(m, "hop"));
	j->fresh = ipc_get_bool(m, "fresh");
	j->utf8 = ipc_get_bool(m, "smtputf8");
	j->requiretls = ipc_get_bool(m, "requiretls");
	j->report = ipc_get_bool(m, "report");
	j->forward = ipc_get_bool(m, "forward");
	j->peer = arena_str(&j->a, ipc_get(m, "peer"));
	j->helo = arena_str(&j->a, ipc_get(m, "helo"));
	j->alias = arena_str(&j->a, ipc_get(m, "alias"));
	j->origin = arena_str(&j->a, ipc_get(m, "origin"));
	j->lmtp = str_eqc(via, "lmtp");
	j->ret = str_eqc(ret, "full") ? JOB_RET_FULL : str_eqc(ret, "hdrs") ? JOB_RET_HDRS : JOB_RET_NONE;
	if (parse_priority(ipc_get(m, "priority"), &j->priority) || str_has_ctl(j->peer) || j->peer.n > PARAM_MAX ||
		str_has_ctl(j->helo) || j->helo.n > PARAM_MAX)
		return E_PEER;
	if (!word_ok(j->id) || !word_ok(j->message) || (!j->lmtp && !str_eqc(via, "smtp")) ||
		!address_ok(j->sender) || !address_ok(j->dest) || !param_ok(j->hop) || !param_ok(j->envid) || (j->session.n && !word_ok(j->session)) || j->user.n > ADDRESS_MAX ||
		ipc_get_u64(m, "offset", INT64_MAX / 2, &j->offset) ||
		ipc_get_u64(m, "size", INT64_MAX / 2, &j->size))
		return E_PEER;
	j->fd = ipc_take_fd(m, "file");
	return j->fd < 0 ? E_PEER : parse_rcpts(m, j);
}

int job_parse(struct ipc_msg *m, struct job **out)
{
	struct job *j = mem_alloc(1, sizeof *j);
	int r;

	arena_init(&j->a);
	j->fd = -1;
	r = parse(m, j);
	if (r)
		job_free(j);
	else
		*out = j;
	return r;
}

void job_free(struct job *j)
{
	fd_close(&j->fd);
	arena_done(&j->a);
	free(j);
}

void job_set(struct job *j, struct job_rcpt *r, int code, const char *status, struct str reply)
{
	/* the class of the code counts where an enhanced code says otherwise, or nothing */
	bool fits = status && (code == 0 || status[0] == '0' + code / 100);

	r->code = code;
	snprintf(r->status, sizeof r->status, "%s",
		fits ? status : code < 300 ? "2.0.0" : code < 500 ? "4.0.0" : "5.0.0");
	r->reply = arena_str(&j->a, reply);
	r->state = RCPT_KNOWN;
}

void job_fail(struct job *j, const struct dsn *why)
{
	size_t i;

	for (i = 0; i < j->nrcpt; i++) {
		struct job_rcpt *r = &j->rcpt[i];

		if (r->state == RCPT_MORE)
			r->state = RCPT_KNOWN;
		else if (r->state < RCPT_MORE)
			job_set(j, r, why->code, why->status, str_of(why->text));
	}
}

bool job_open(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->nrcpt; i++)
		if (j->rcpt[i].state < RCPT_KNOWN)
			return true;
	return false;
}

bool job_news(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->nrcpt; i++)
		if (j->rcpt[i].state == RCPT_KNOWN)
			return true;
	return false;
}

void job_results(struct job *j, size_t max, struct ipc_msg *m, bool *last_out)
{
	bool last = true;
	size_t i, n = 0;

	ipc_init(m, "result");
	ipc_set(m, "id", j->id);
	ipc_set(m, "message", j->message);
	for (i = 0; i < j->nrcpt; i++) {
		struct job_rcpt *r = &j->rcpt[i];

		if (r->state == RCPT_TOLD)
			continue;
		if (r->state != RCPT_KNOWN || n == max) {
			last = false;
			continue;
		}
		ipc_setc(m, "rcpt", arena_fmt(&j->a, "%u %d %s %.*s", r->number, r->code, r->status, STRF(r->reply)));
		r->state = RCPT_TOLD;
		n++;
	}
	if (j->remote.n)
		ipc_set(m, "remote", j->remote);
	if (j->ip.n)
		ipc_set(m, "ip", j->ip);
	if (j->tls.n)
		ipc_set(m, "tls", j->tls);
	if (j->tried.n)
		ipc_set(m, "tried", j->tried);
	if (j->dsn)
		ipc_set_bool(m, "dsn", true);
	if (j->again)
		ipc_set_u64(m, "again", j->again);
	if (j->confirmed)
		ipc_set_bool(m, "confirmed", true);
	if (j->warm.p)
		ipc_set(m, "warm", j->warm);
	if (j->memory)
		ipc_set_bool(m, "memory", true);
	if (j->patient)
		ipc_set_bool(m, "patient", true);
	if (last)
		ipc_set_bool(m, "done", true);
	*last_out = last;
}
