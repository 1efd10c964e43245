/* SPDX-License-Identifier: ISC
 *
 * print.c: a report as JSON (RFC 8460 4.4, RFC 7493), and packed (RFC 1952; see tlsrpt.h).
 */
#include "smtp/report/tlsrpt.h"

#include <jansson.h>
#include <time.h>
#include <zlib.h>

#define GZIP 16 /* in zlib's window bits: a gzip header */

void tlsrpt_day(int64_t t, char out[11])
{
	time_t at = (time_t)MIN(MAX(t, (int64_t)0), (int64_t)253402300799);
	struct tm tm;

	gmtime_r(&at, &tm);
	if (!strftime(out, 11, "%Y-%m-%d", &tm))
		out[0] = '\0';
}

static json_t *time_of(int64_t t)
{
	time_t at = (time_t)MIN(MAX(t, (int64_t)0), (int64_t)253402300799);
	char text[32];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* What is no UTF-8 becomes "?": a library that refuses it would lose the whole report. */
static json_t *text_of(struct str s)
{
	json_t *j;
	char *p;
	size_t i;

	if (str_is_utf8(s))
		return json_stringn(s.p ? s.p : "", s.n);
	p = mem_alloc(s.n + 1, 1);
	for (i = 0; i < s.n; i++)
		p[i] = (unsigned char)s.p[i] > 126 ? '?' : s.p[i];
	j = json_stringn(p, s.n);
	free(p);
	return j;
}

static void set(json_t *o, const char *name, struct str s)
{
	if (s.n)
		json_object_set_new(o, name, text_of(s));
}

static void set_number(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer((json_int_t)MIN(n, (uint64_t)INT64_MAX)));
}

static json_t *lines(struct str s)
{
	json_t *list = json_array();

	while (s.n)
		json_array_append_new(list, text_of(str_cut(&s, '\n')));
	return list;
}

static json_t *failures(const struct tlsrpt_policy *p)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < p->nfailures; i++) {
		const struct tlsrpt_failure *f = &p->failure[i];
		json_t *o = json_object();

		set(o, "result-type", f->result);
		set(o, "sending-mta-ip", f->local);
		set(o, "receiving-mx-hostname", f->mx);
		set(o, "receiving-mx-helo", f->helo);
		set(o, "receiving-ip", f->ip);
		set_number(o, "failed-session-count", f->n);
		set(o, "failure-reason-code", f->reason);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *policies(const struct tlsrpt *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->npolicies; i++) {
		const struct tlsrpt_policy *p = &r->policy[i];
		json_t *o = json_object(), *policy = json_object(), *summary = json_object();

		set(policy, "policy-type", p->type);
		if (p->text.n)
			json_object_set_new(policy, "policy-string", lines(p->text));
		set(policy, "policy-domain", p->domain);
		if (p->mx.n)
			json_object_set_new(policy, "mx-host", lines(p->mx));
		set_number(summary, "total-successful-session-count", p->ok);
		set_number(summary, "total-failure-session-count", p->failed);
		json_object_set_new(o, "policy", policy);
		json_object_set_new(o, "summary", summary);
		if (p->nfailures)
			json_object_set_new(o, "failure-details", failures(p));
		json_array_append_new(list, o);
	}
	return list;
}

static int add(const char *p, size_t n, void *arg)
{
	struct buf *out = arg;

	buf_add(out, p, n);
	return out->err ? -1 : 0;
}

int tlsrpt_print(const struct tlsrpt *r, struct buf *out)
{
	json_t *top = json_object(), *range = json_object();

	set(top, "organization-name", r->organisation);
	json_object_set_new(range, "start-datetime", time_of(r->start));
	json_object_set_new(range, "end-datetime", time_of(r->end));
	json_object_set_new(top, "date-range", range);
	set(top, "contact-info", r->contact);
	set(top, "report-id", r->id);
	json_object_set_new(top, "policies", policies(r));
	json_dump_callback(top, add, out, JSON_INDENT(2));
	json_decref(top);
	return out->err;
}

int tlsrpt_pack(struct str text, struct buf *out)
{
	z_stream z = { 0 };
	size_t room;
	char *p;
	int r;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, text.n);
	p = buf_room(out, room);
	if (p) {
		z.next_in = (unsigned char *)(uintptr_t)text.p;
		z.avail_in = (uInt)text.n;
		z.next_out = (unsigned char *)p;
		z.avail_out = (uInt)room;
		r = deflate(&z, Z_FINISH);
		BUG_ON(r != Z_STREAM_END);
		buf_grew(out, room - z.avail_out);
	}
	deflateEnd(&z);
	return out->err;
}
