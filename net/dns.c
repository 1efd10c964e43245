/* SPDX-License-Identifier: ISC
 *
 * dns.c: messages of the DNS (see dns.h). A reader with a sticky error walks the
 * packet; a compressed name may only point backwards, so that it ends.
 *
 * RFC 1035 3, 4.1; AAAA: RFC 3596; SRV: RFC 2782; TLSA: RFC 6698 2.1.
 */
#include "net/dns.h"

#include "base/codec.h"

#define HEADER 12
#define WIRE_NAME 255
#define TEXT_MAX (64 * 1024)

/* --- names of things ----------------------------------------------------------- */

static const struct {
	enum dns_type type;
	const char *name;
} types[] = { { DNS_A, "A" }, { DNS_NS, "NS" }, { DNS_CNAME, "CNAME" }, { DNS_PTR, "PTR" }, { DNS_MX, "MX" },
	{ DNS_TXT, "TXT" }, { DNS_AAAA, "AAAA" }, { DNS_SRV, "SRV" }, { DNS_TLSA, "TLSA" } };

static const struct {
	const char *name, *text;
} states[] = {
	[DNS_OK] = { "ok", "found" },
	[DNS_NODATA] = { "nodata", "the name has no such record" },
	[DNS_NXDOMAIN] = { "nxdomain", "there is no such name" },
	[DNS_SERVFAIL] = { "servfail", "the name servers gave no usable answer" },
	[DNS_BOGUS] = { "bogus", "the DNSSEC signatures of the answer do not hold" },
	[DNS_TIMEOUT] = { "timeout", "the name servers did not answer in time" },
	[DNS_BUSY] = { "busy", "too many names are looked up at once" },
	[DNS_INVALID] = { "invalid", "that is not a name that can be looked up" },
	[DNS_AWAY] = { "away", "the resolver is not there" },
};

const char *dns_type_name(enum dns_type t)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == t)
			return types[i].name;
	return NULL;
}

int dns_type_parse(struct str s, enum dns_type *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		if (!str_ieqc(s, types[i].name))
			continue;
		*out = types[i].type;
		return 0;
	}
	return E_SYNTAX;
}

const char *dns_state_name(enum dns_state s)
{
	BUG_ON((unsigned)s >= ARRAY_LEN(states));
	return states[s].name;
}

const char *dns_state_text(enum dns_state s)
{
	BUG_ON((unsigned)s >= ARRAY_LEN(states));
	return states[s].text;
}

int dns_state_parse(struct str s, enum dns_state *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(states); i++) {
		if (!str_eqc(s, states[i].name))
			continue;
		*out = (enum dns_state)i;
		return 0;
	}
	return E_SYNTAX;
}

/* --- names ------------------------------------------------------------------------ */

static bool is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_label(struct str l, bool underscore)
{
	size_t i;

	if (l.n == 0 || l.n > 63 || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	for (i = 0; i < l.n; i++)
		if (!is_letter(l.p[i]) && !is_digit(l.p[i]) && l.p[i] != '-' && !(underscore && l.p[i] == '_'))
			return false;
	return true;
}

static bool is_name(struct str s, bool underscore)
{
	struct str rest = s, l = STR_NONE;
	size_t i;

	if (s.n == 0 || s.n > 253)
		return false;
	while (rest.p) {
		l = str_cut(&rest, '.');
		if (!is_label(l, underscore))
			return false;
	}
	for (i = 0; i < l.n; i++)
		if (is_letter(l.p[i]))
			return true;
	return false;
}

bool dns_is_hostname(struct str s)
{
	return is_name(s, false);
}

bool dns_is_name(struct str s)
{
	return is_name(s, true);
}

void dns_reverse(const struct addr *a, struct buf *out)
{
	int i;

	if (a->family == 4) {
		buf_fmt(out, "%u.%u.%u.%u.in-addr.arpa", a->ip[3], a->ip[2], a->ip[1], a->ip[0]);
		return;
	}
	for (i = 15; i >= 0; i--)
		buf_fmt(out, "%x.%x.", a->ip[i] & 15, a->ip[i] >> 4);
	buf_puts(out, "ip6.arpa");
}

static bool plain_in_name(unsigned char c)
{
	return is_letter((char)c) || is_digit((char)c) || c == '-' || c == '_' || c == '*' || c == '+' || c == '/';
}

static void add_escaped(struct buf *b, unsigned char c)
{
	buf_fmt(b, "\\%03u", c);
}

static void add_text(struct buf *b, struct str s)
{
	bool utf8 = str_is_utf8(s);
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || c == '\\' || (c > 0x7f && !utf8))
			add_escaped(b, c);
		else
			buf_c(b, (char)c);
	}
}

int dns_unescape(struct str text, struct buf *out)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != '\\') {
			buf_c(out, text.p[i]);
			continue;
		}
		if (i + 3 >= text.n || str_u64(str_sub(text, i + 1, i + 4), 255, &v))
			return E_SYNTAX;
		buf_c(out, (char)v);
		i += 3;
	}
	return out->err;
}

/* --- the packet ----------------------------------------------------------------------- */

struct reader {
	struct str p;
	size_t at;
	int err;
};

static unsigned take(struct reader *r, size_t bytes)
{
	unsigned v = 0;

	if (r->err || bytes > r->p.n - r->at) {
		r->err = E_SYNTAX;
		return 0;
	}
	while (bytes-- > 0)
		v = v << 8 | (unsigned char)r->p.p[r->at++];
	return v;
}

static struct str take_bytes(struct reader *r, size_t n)
{
	struct str s = STR("");

	if (r->err || n > r->p.n - r->at) {
		r->err = E_SYNTAX;
		return s;
	}
	s = str_sub(r->p, r->at, r->at + n);
	r->at += n;
	return s;
}

static void add_label(struct buf *out, struct str l)
{
	size_t i;

	if (out->n)
		buf_c(out, '.');
	for (i = 0; i < l.n; i++) {
		if (plain_in_name((unsigned char)l.p[i]))
			buf_c(out, ascii_lower(l.p[i]));
		else
			add_escaped(out, (unsigned char)l.p[i]);
	}
}

/* RFC 1035 4.1.4. A pointer leads to what stands before the name it is in, so each jump
 * makes the way shorter. */
static void take_name(struct reader *r, struct buf *out)
{
	struct reader from = *r;
	size_t wire = 0, before = r->at;
	bool jumped = false;
	unsigned len;

	buf_reset(out);
	while ((len = take(&from, 1)) && !from.err) {
		if ((len & 0xc0) == 0xc0) {
			size_t to = (len & 0x3f) << 8 | take(&from, 1);

			if (!jumped)
				r->at = from.at;
			jumped = true;
			if (from.err || to >= before)
				from.err = E_SYNTAX;
			before = from.at = to;
			if (from.err)
				break;
			continue;
		}
		wire += len + 1;
		if (len > 63 || wire >= WIRE_NAME)
			from.err = E_SYNTAX;
		add_label(out, take_bytes(&from, len));
		if (from.err)
			break;
	}
	if (!jumped)
		r->at = from.at;
	if (from.err || out->err)
		r->err = E_SYNTAX;
	if (out->n == 0)
		buf_c(out, '.');
}

struct parsing {
	struct reader r;
	struct arena *a;
	struct dns_answer *out;
	enum dns_type type;
	struct buf name, target, text; /* the name whose records count; scratch */
	size_t bytes;
};

static void take_txt(struct parsing *p, size_t end, struct dns_record *rec)
{
	struct buf raw;

	buf_init(&raw, TEXT_MAX);
	while (!p->r.err && p->r.at < end)
		buf_str(&raw, take_bytes(&p->r, take(&p->r, 1)));
	buf_reset(&p->text);
	add_text(&p->text, buf_view(&raw));
	rec->data = arena_str(p->a, buf_view(&p->text));
	if (raw.err || p->text.err)
		p->r.err = E_LIMIT;
	buf_done(&raw);
}

static void take_tlsa(struct parsing *p, size_t end, struct dns_record *rec)
{
	unsigned usage = take(&p->r, 1), selector = take(&p->r, 1), match = take(&p->r, 1);
	struct str digest = take_bytes(&p->r, end > p->r.at ? end - p->r.at : 0);

	buf_reset(&p->text);
	buf_fmt(&p->text, "%u %u %u ", usage, selector, match);
	hex_encode(digest, &p->text);
	rec->data = arena_str(p->a, buf_view(&p->text));
}

static void take_target(struct parsing *p, struct dns_record *rec)
{
	take_name(&p->r, &p->target);
	rec->name = arena_str(p->a, buf_view(&p->target));
}

static void take_data(struct parsing *p, enum dns_type type, size_t end, struct dns_record *rec)
{
	size_t len = type == DNS_A ? 4 : 16;
	struct str ip;

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		ip = take_bytes(&p->r, len);
		rec->addr.family = type == DNS_A ? 4 : 6;
		if (!p->r.err)
			memcpy(rec->addr.ip, ip.p, len);
		break;
	case DNS_SRV:
		rec->priority = (uint16_t)take(&p->r, 2);
		rec->weight = (uint16_t)take(&p->r, 2);
		rec->port = (uint16_t)take(&p->r, 2);
		take_target(p, rec);
		break;
	case DNS_MX:
		rec->priority = (uint16_t)take(&p->r, 2);
		take_target(p, rec);
		break;
	case DNS_TXT:
		take_txt(p, end, rec);
		break;
	case DNS_TLSA:
		take_tlsa(p, end, rec);
		break;
	default:
		take_target(p, rec);
		break;
	}
}

static void add_record(struct parsing *p, const struct dns_record *rec)
{
	struct dns_answer *o = p->out;

	p->bytes += rec->name.n + rec->data.n;
	if (o->n == DNS_RECORDS || p->bytes > TEXT_MAX) {
		p->r.err = E_LIMIT;
		return;
	}
	if (!o->record)
		o->record = arena_array(p->a, DNS_RECORDS, sizeof *o->record);
	o->ttl = o->n || o->canonical.n ? MIN(o->ttl, rec->ttl) : rec->ttl;
	o->record[o->n++] = *rec;
}

/* A record of the answer section: the next step of a chain of CNAMEs (RFC 1034 3.6.2), one
 * that was asked for, or (signatures) none of ours. */
static void take_record(struct parsing *p)
{
	struct dns_record rec = { 0 };
	struct buf owner;
	unsigned type, class;
	size_t end;

	buf_init(&owner, DNS_NAME_TEXT);
	take_name(&p->r, &owner);
	type = take(&p->r, 2);
	class = take(&p->r, 2);
	rec.ttl = take(&p->r, 4);
	end = take(&p->r, 2);
	end += p->r.at;
	if (p->r.err || end > p->r.p.n) {
		p->r.err = E_SYNTAX;
	} else if (class != 1 || !str_ieq(buf_view(&owner), buf_view(&p->name)) ||
		(type != p->type && type != DNS_CNAME)) {
		p->r.at = end;
	} else {
		take_data(p, (enum dns_type)type, end, &rec);
		if (!p->r.err && p->r.at != end)
			p->r.err = E_SYNTAX;
		if (!p->r.err && type == p->type) {
			add_record(p, &rec);
		} else if (!p->r.err) {
			p->out->ttl = p->out->canonical.n ? MIN(p->out->ttl, rec.ttl) : rec.ttl;
			p->out->canonical = rec.name;
			buf_reset(&p->name);
			buf_str(&p->name, rec.name);
		}
	}
	buf_done(&owner);
}

static void take_packet(struct parsing *p)
{
	unsigned flags, questions, answers;

	take(&p->r, 2);
	flags = take(&p->r, 2);
	questions = take(&p->r, 2);
	answers = take(&p->r, 2);
	take(&p->r, 4);
	if (questions != 1)
		p->r.err = E_SYNTAX;
	take_name(&p->r, &p->name);
	take(&p->r, 4);
	while (answers-- > 0 && !p->r.err)
		take_record(p);
	flags &= 15;
	if (flags == 0)
		p->out->state = p->out->n ? DNS_OK : DNS_NODATA;
	else
		p->out->state = flags == 3 ? DNS_NXDOMAIN : DNS_SERVFAIL;
	if (p->out->state != DNS_OK)
		p->out->n = 0;
}

int dns_parse(struct str packet, enum dns_type type, struct arena *a, struct dns_answer *out)
{
	struct dns_answer answer = { .canonical = STR(""), .why = STR("") };
	struct parsing p = { .r = { packet, 0, 0 }, .a = a, .out = &answer, .type = type };

	buf_init(&p.name, DNS_NAME_TEXT);
	buf_init(&p.target, DNS_NAME_TEXT);
	buf_init(&p.text, 4 * TEXT_MAX + 1);
	if (packet.n < HEADER)
		p.r.err = E_SYNTAX;
	take_packet(&p);
	buf_done(&p.name);
	buf_done(&p.target);
	buf_done(&p.text);
	if (p.r.err)
		return p.r.err;
	*out = answer;
	return 0;
}

/* --- records as text --------------------------------------------------------------- */

void dns_record_print(const struct dns_record *r, enum dns_type type, struct buf *out)
{
	char text[ADDR_TEXT];

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		buf_puts(out, addr_text(&r->addr, text));
		break;
	case DNS_SRV:
		buf_fmt(out, "%u %u %u %.*s", r->priority, r->weight, r->port, STRF(r->name));
		break;
	case DNS_MX:
		buf_fmt(out, "%u %.*s", r->priority, STRF(r->name));
		break;
	case DNS_TXT:
	case DNS_TLSA:
		buf_str(out, r->data);
		break;
	default:
		buf_str(out, r->name);
		break;
	}
}

static int take_number(struct str *rest, uint16_t *out)
{
	uint64_t v;

	if (!rest->p || str_u64(str_cut(rest, ' '), UINT16_MAX, &v) || !rest->p)
		return E_SYNTAX;
	*out = (uint16_t)v;
	return 0;
}

int dns_record_parse(struct str text, enum dns_type type, struct arena *a, struct dns_record *out)
{
	struct dns_record r = { 0 };
	struct str rest = text;
	int err = 0;

	if (!text.p || str_has_ctl(text))
		return E_SYNTAX;
	if (type == DNS_A || type == DNS_AAAA) {
		err = addr_parse(text, &r.addr);
		if (!err && r.addr.family != (type == DNS_A ? 4 : 6))
			err = type == DNS_AAAA && r.addr.family == 4 ? 0 : E_SYNTAX; /* mapped */
	} else if (type == DNS_TXT || type == DNS_TLSA) {
		r.data = arena_str(a, text);
	} else {
		if (type == DNS_MX || type == DNS_SRV)
			err = take_number(&rest, &r.priority);
		if (!err && type == DNS_SRV)
			err = take_number(&rest, &r.weight);
		if (!err && type == DNS_SRV)
			err = take_number(&rest, &r.port);
		if (!err)
			r.name = arena_str(a, rest);
	}
	if (err)
		return err;
	*out = r;
	return 0;
}
