/* SPDX-License-Identifier: ISC
 *
 * parse.c: reports of others: unpacked and read (see tlsrpt.h).
 *
 * What they say is bounded three times: bytes unpacked, by the buffer that takes them; depth and number of values, before a
 * library builds a tree of them; and what is kept of it. Members that are not there or of another type are empty or 0,
 * but for those without which it is no report: the range of days, and policies with a type and a domain.
 */
#include "smtp/report/tlsrpt.h"

#include <jansson.h>
#include <zlib.h>

#include "mail/date.h"
#include "net/dns.h"

#define GZIP_OR_ZLIB 32
#define PIECE 32768

int tlsrpt_unpack(struct str data, struct buf *out)
{
	z_stream z = { 0 };
	char piece[PIECE];
	int r;

	if (!str_starts(data, "\x1f\x8b")) {
		buf_str(out, data);
		return out->err;
	}
	if (data.n > UINT32_MAX || inflateInit2(&z, MAX_WBITS + GZIP_OR_ZLIB) != Z_OK)
		return E_LIMIT;
	z.next_in = (unsigned char *)(uintptr_t)data.p;
	z.avail_in = (uInt)data.n;
	do {
		z.next_out = (unsigned char *)piece;
		z.avail_out = sizeof piece;
		r = inflate(&z, Z_NO_FLUSH);
		buf_add(out, piece, sizeof piece - z.avail_out);
	} while (r == Z_OK && !out->err && (z.avail_in || !z.avail_out));
	inflateEnd(&z);
	return out->err ? out->err : r == Z_STREAM_END ? 0 : E_SYNTAX;
}

/* --- before the tree is built --------------------------------------------------------------- */

/* Values and depth, without a look at whether it is JSON. */
static bool bounded(struct str s)
{
	size_t i, depth = 0, values = 0;
	bool inside = false;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (inside) {
			i += c == '\\';
			inside = c != '"';
		} else if (c == '"') {
			inside = true;
		} else if (c == '{' || c == '[') {
			values++;
			if (++depth > TLSRPT_DEPTH)
				return false;
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		} else if (c == ',' || c == ':') {
			values++;
		}
		if (values > TLSRPT_VALUES)
			return false;
	}
	return true;
}

/* --- values ------------------------------------------------------------------------------------ */

/* One printable line of a string (library: it is UTF-8). */
static struct str line(const json_t *o, struct arena *a)
{
	struct str s;
	char *p;
	size_t i;

	if (!json_is_string(o))
		return STR("");
	s = str_make(json_string_value(o), MIN(json_string_length(o), (size_t)TLSRPT_TEXT));
	while (s.n && s.n == TLSRPT_TEXT && !str_is_utf8(s))
		s.n--; /* cut inside a character */
	p = arena_cstr(a, s);
	for (i = 0; i < s.n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 127)
			p[i] = ' ';
	return str_trim(str_make(p, s.n));
}

static struct str text(const json_t *o, const char *name, struct arena *a)
{
	return line(json_object_get(o, name), a);
}

/* Counts are whole numbers; as text too, for reporters that write them so. */
static uint64_t number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	uint64_t n = 0;

	if (json_is_integer(v) && json_integer_value(v) > 0)
		return (uint64_t)json_integer_value(v);
	if (json_is_string(v) && str_u64(str_make(json_string_value(v), json_string_length(v)), INT64_MAX, &n) == 0)
		return n;
	return 0;
}

/* An array of strings, or one string alone. */
static struct str lines(const json_t *v, struct arena *a)
{
	struct str all;
	struct buf b;
	size_t i;

	if (!json_is_array(v))
		return line(v, a);
	buf_init(&b, TLSRPT_LINES * (TLSRPT_TEXT + 1));
	for (i = 0; i < json_array_size(v) && i < TLSRPT_LINES; i++) {
		struct str s = line(json_array_get(v, i), a);

		if (b.n && s.n)
			buf_c(&b, '\n');
		buf_str(&b, s);
	}
	all = arena_str(a, buf_view(&b));
	buf_done(&b);
	return all;
}

static bool digits(struct str s, size_t at, size_t n, int *out)
{
	uint64_t v;

	if (s.n < at + n || str_u64(str_sub(s, at, at + n), 9999, &v))
		return false;
	*out = (int)v;
	return true;
}

/* date-time of RFC 3339 5.6; a fraction of a second is passed over. */
static bool time_of(struct str s, int64_t *out)
{
	int y, mo, d, h, mi, sec, zh = 0, zm = 0;
	size_t at = 19;
	char sign;

	if (!digits(s, 0, 4, &y) || !digits(s, 5, 2, &mo) || !digits(s, 8, 2, &d) || !digits(s, 11, 2, &h) || !digits(s, 14, 2, &mi) ||
		!digits(s, 17, 2, &sec) || s.p[4] != '-' || s.p[7] != '-' || ascii_lower(s.p[10]) != 't' || s.p[13] != ':' || s.p[16] != ':')
		return false;
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 24 || mi > 59 || sec > 60)
		return false;
	if (at < s.n && s.p[at] == '.')
		for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++)
			;
	if (at >= s.n)
		return false;
	sign = s.p[at];
	if (sign == '+' || sign == '-') {
		if (s.n != at + 6 || !digits(s, at + 1, 2, &zh) || !digits(s, at + 4, 2, &zm) || zh > 23 || zm > 59)
			return false;
	} else if (ascii_lower(sign) != 'z' || s.n != at + 1) {
		return false;
	}
	*out = date_days(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - (sign == '-' ? -1 : 1) * (zh * 3600 + zm * 60);
	return *out >= 0;
}

/* --- the report ----------------------------------------------------------------------------------- */

static struct str lower(struct str s, struct arena *a)
{
	char *p = arena_cstr(a, s);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	if (s.n && p[s.n - 1] == '.')
		s.n--;
	return str_make(p, s.n);
}

static int failures(const json_t *list, struct arena *a, struct tlsrpt_policy *p, size_t *total)
{
	size_t i, n = json_is_array(list) ? json_array_size(list) : 0;

	*total += n;
	if (*total > TLSRPT_FAILURES)
		return E_LIMIT;
	p->failure = arena_array(a, n + 1, sizeof *p->failure);
	for (i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);
		struct tlsrpt_failure f = { .result = lower(text(o, "result-type", a), a), .local = text(o, "sending-mta-ip", a),
			.mx = lower(text(o, "receiving-mx-hostname", a), a), .helo = text(o, "receiving-mx-helo", a), .ip = text(o, "receiving-ip", a),
			.reason = text(o, "failure-reason-code", a), .n = number(o, "failed-session-count") };

		if (!f.reason.n)
			f.reason = text(o, "additional-information", a);
		if (f.result.n)
			p->failure[p->nfailures++] = f;
	}
	return 0;
}

static bool known_type(struct str s)
{
	return str_eqc(s, "tlsa") || str_eqc(s, "sts") || str_eqc(s, "no-policy-found");
}

static int policy(const json_t *o, struct arena *a, struct tlsrpt_policy *p, size_t *total)
{
	const json_t *what = json_object_get(o, "policy"), *summary = json_object_get(o, "summary");
	const json_t *mx = json_object_get(what, "mx-host");

	p->type = lower(text(what, "policy-type", a), a);
	p->domain = lower(text(what, "policy-domain", a), a);
	p->text = lines(json_object_get(what, "policy-string"), a);
	p->mx = lines(mx ? mx : json_object_get(what, "mx-host-pattern"), a);
	p->ok = number(summary, "total-successful-session-count");
	p->failed = number(summary, "total-failure-session-count");
	if (!known_type(p->type) || !dns_is_name(p->domain))
		return E_SYNTAX;
	return failures(json_object_get(o, "failure-details"), a, p, total);
}

static int report(const json_t *top, struct arena *a, struct tlsrpt *out, const char **why_out)
{
	const json_t *range = json_object_get(top, "date-range"), *list = json_object_get(top, "policies");
	struct tlsrpt r = { .organisation = text(top, "organization-name", a), .contact = text(top, "contact-info", a), .id = text(top, "report-id", a) };
	size_t i, total = 0;
	int err;

	*why_out = "it has no report-id";
	if (!r.id.n)
		return E_SYNTAX;
	*why_out = "it has no date-range";
	if (!time_of(text(range, "start-datetime", a), &r.start) || !time_of(text(range, "end-datetime", a), &r.end) || r.end < r.start)
		return E_SYNTAX;
	*why_out = "it has no policies";
	if (!json_is_array(list) || json_array_size(list) == 0)
		return E_SYNTAX;
	*why_out = "it has too many policies";
	if (json_array_size(list) > TLSRPT_POLICIES)
		return E_LIMIT;
	r.npolicies = json_array_size(list);
	r.policy = arena_array(a, r.npolicies, sizeof *r.policy);
	for (i = 0; i < r.npolicies; i++) {
		err = policy(json_array_get(list, i), a, &r.policy[i], &total);
		*why_out = err == E_LIMIT ? "it has too many failures" : "a policy has no type that is known, or no domain";
		if (err < 0)
			return err;
	}
	*out = r;
	return 0;
}

int tlsrpt_parse(struct str json, struct arena *a, struct tlsrpt *out, const char **why_out)
{
	json_error_t e;
	json_t *top;
	int r;

	*why_out = "it is too deep or has too many values";
	if (!bounded(json))
		return E_LIMIT;
	*why_out = "it is no JSON";
	top = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(top)) {
		json_decref(top);
		return E_SYNTAX;
	}
	r = report(top, a, out, why_out);
	json_decref(top);
	return r;
}
