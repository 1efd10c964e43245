/* SPDX-License-Identifier: ISC
 *
 * envelope.c: prints and reads the head of a message file in the spool (format
 * in envelope.h).
 *
 * The reader is the one that builds the queue anew after a crash, from files
 * that may be torn or of another program. So it believes nothing: length and
 * checksum first, each line under its grammar, each field once, numbers within
 * their limits; nothing is half taken over. What it does not know it leaves out.
 */
#include "mail/envelope.h"

#include "base/codec.h"
#include "base/cur.h"
#include "base/rand.h"
#include "mail/verp.h"

#define MAGIC "mansio-envelope "
#define FIRST_LINE (sizeof MAGIC - 1 + 2 + 10 + 1 + 8 + 1) /* "1 " length blank crc "\n" */

static const char *const notify_name[] = { "never", "success", "failure", "delay" };
static const char *const ret_name[] = { [RET_FULL] = "full", [RET_HDRS] = "hdrs" };

bool envelope_id_ok(struct str id)
{
	size_t i;

	for (i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'z') ||
			(id.p[i] >= 'A' && id.p[i] <= 'Z')))
			return false;
	return id.n >= 1 && id.n <= ENVELOPE_ID_MAX;
}

/* --- printing ------------------------------------------------------------------ */

static void put_text(struct buf *out, const char *name, struct str value)
{
	if (!value.n)
		return;
	buf_fmt(out, "%s=", name);
	percent_encode(value, out);
	buf_c(out, '\n');
}

static void put_flag(struct buf *out, const char *name, bool value)
{
	if (value)
		buf_fmt(out, "%s=1\n", name);
}

static void put_notify(struct buf *out, uint32_t bits)
{
	const char *separator = " notify=";
	size_t i;

	for (i = 0; i < ARRAY_LEN(notify_name); i++) {
		if (!(bits & 1u << i))
			continue;
		buf_fmt(out, "%s%s", separator, notify_name[i]);
		separator = ",";
	}
}

static void put_part(struct buf *out, const char *name, struct str value)
{
	if (!value.n)
		return;
	buf_fmt(out, " %s=", name);
	percent_encode(value, out);
}

static void put_rcpt(struct buf *out, const struct envelope_rcpt *r)
{
	buf_puts(out, "rcpt=");
	percent_encode(r->address, out);
	buf_fmt(out, " number=%u", r->number);
	if (r->local)
		buf_puts(out, " local=1");
	put_notify(out, r->notify);
	put_part(out, "orcpt", r->orcpt);
	if (r->code)
		buf_fmt(out, " code=%d", r->code);
	put_part(out, "status", r->status);
	put_part(out, "reply", r->reply);
	buf_c(out, '\n');
}

static void put_fields(const struct envelope *e, struct buf *out)
{
	size_t i;

	put_text(out, "id", e->id);
	buf_fmt(out, "time=%llu\nsize=%llu\nsender=", (unsigned long long)MAX(e->time, 0),
		(unsigned long long)e->size);
	percent_encode(e->sender, out);
	buf_c(out, '\n');
	put_flag(out, "confirmed", e->confirmed);
	put_flag(out, "sender-local", e->sender_local);
	put_text(out, "user", e->user);
	put_text(out, "session", e->session);
	put_text(out, "envid", e->envid);
	if (e->ret)
		buf_fmt(out, "ret=%s\n", ret_name[e->ret]);
	put_flag(out, "body8", e->body8);
	put_flag(out, "smtputf8", e->smtputf8);
	put_flag(out, "report", e->report);
	put_flag(out, "requiretls", e->requiretls);
	if (e->release)
		buf_fmt(out, "release=%llu\n", (unsigned long long)MAX(e->release, 0));
	put_text(out, "future", e->future);
	if (e->priority)
		buf_fmt(out, "priority=%d\n", e->priority);
	put_text(out, "peer", e->peer);
	put_text(out, "helo", e->helo);
	put_flag(out, "forward", e->forward);
	put_text(out, "from", e->from);
	put_text(out, "alias", e->alias);
	put_flag(out, "hold", e->hold);
	put_text(out, "verp", e->verp);
	for (i = 0; i < e->nrcpt; i++) {
		BUG_ON(!e->rcpt[i].address.n || (i && e->rcpt[i].number <= e->rcpt[i - 1].number));
		put_rcpt(out, &e->rcpt[i]);
	}
	buf_c(out, '\n');
}

void envelope_print(const struct envelope *e, struct buf *out)
{
	size_t at = out->n, length;
	char first[FIRST_LINE + 1] = { 0 };

	BUG_ON(!envelope_id_ok(e->id) || !e->nrcpt);
	buf_add(out, first, FIRST_LINE); /* its place */
	put_fields(e, out);
	if (out->err)
		return;
	length = out->n - at;
	if (length > ENVELOPE_HEAD_MAX) {
		out->err = E_LIMIT;
		return;
	}
	snprintf(first, sizeof first, MAGIC "1 %010zu %08x\n", length,
		crc32c(0, out->p + at + FIRST_LINE, length - FIRST_LINE));
	memcpy(out->p + at, first, FIRST_LINE);
}

/* --- reading -------------------------------------------------------------------- */

static int first_line(struct str begin, size_t *length, uint32_t *crc)
{
	struct cur c = cur_of(begin);
	uint64_t version, n;
	struct buf sum;
	struct str hex;
	int r;

	if (!cur_word(&c, MAGIC) || cur_u64(&c, 999, &version) != 1 || !cur_take(&c, ' '))
		return E_SYNTAX;
	if (version != 1)
		return E_UNSUPPORTED;
	if (cur_left(&c) < 10 || cur_u64(&c, 9999999999, &n) != 1 || !cur_take(&c, ' ') ||
		!cur_bytes(&c, 8, &hex) || !cur_take(&c, '\n') ||
		begin.n - cur_left(&c) != FIRST_LINE || n <= FIRST_LINE)
		return E_SYNTAX;
	if (n > ENVELOPE_HEAD_MAX)
		return E_LIMIT;
	buf_init(&sum, 8);
	r = hex_decode(hex, &sum);
	if (!r)
		*crc = (uint32_t)(unsigned char)sum.p[0] << 24 | (uint32_t)(unsigned char)sum.p[1] << 16 |
			(uint32_t)(unsigned char)sum.p[2] << 8 | (unsigned char)sum.p[3];
	buf_done(&sum);
	if (!r)
		*length = (size_t)n;
	return r;
}

int envelope_length(struct str begin, size_t *out)
{
	uint32_t crc;

	return first_line(begin, out, &crc);
}

static int get_text(struct str value, struct arena *a, struct str *out)
{
	struct buf b;
	int r;

	buf_init(&b, ENVELOPE_HEAD_MAX);
	r = percent_decode(value, &b);
	if (!r)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return r;
}

static int get_flag(struct str value, bool *out)
{
	if (!str_eqc(value, "1"))
		return E_SYNTAX;
	*out = true;
	return 0;
}

static int get_i64(struct str value, int64_t max, int64_t *out)
{
	uint64_t v = 0;
	int r = str_u64(value, (uint64_t)max, &v);

	if (!r)
		*out = (int64_t)v;
	return r;
}

static int get_notify(struct str value, uint32_t *out)
{
	uint32_t bits = 0;
	size_t i;

	while (value.p) {
		struct str word = str_cut(&value, ',');

		for (i = 0; i < ARRAY_LEN(notify_name); i++)
			if (str_eqc(word, notify_name[i]))
				break;
		if (i == ARRAY_LEN(notify_name) || bits & 1u << i)
			return E_SYNTAX;
		bits |= 1u << i;
	}
	if (bits & NOTIFY_NEVER && bits != NOTIFY_NEVER)
		return E_SYNTAX;
	*out = bits;
	return 0;
}

static int get_part(struct str name, struct str value, struct arena *a, struct envelope_rcpt *r)
{
	int64_t n = 0;
	int err = 0;

	if (str_eqc(name, "number")) {
		err = get_i64(value, UINT32_MAX, &n);
		r->number = (uint32_t)n;
	} else if (str_eqc(name, "local")) {
		err = get_flag(value, &r->local);
	} else if (str_eqc(name, "notify")) {
		err = get_notify(value, &r->notify);
	} else if (str_eqc(name, "orcpt")) {
		err = get_text(value, a, &r->orcpt);
	} else if (str_eqc(name, "code")) {
		err = get_i64(value, 599, &n);
		r->code = (int)n;
	} else if (str_eqc(name, "status")) {
		err = get_text(value, a, &r->status);
	} else if (str_eqc(name, "reply")) {
		err = get_text(value, a, &r->reply);
	}
	return err;
}

static int get_rcpt(struct str line, struct arena *a, struct envelope *e)
{
	struct envelope_rcpt r = { 0 };
	int err = get_text(str_cut(&line, ' '), a, &r.address);
	bool numbered = false;

	while (!err && line.p) {
		struct str value = str_cut(&line, ' '), name = str_cut(&value, '=');

		if (!name.n || !value.p)
			return E_SYNTAX;
		numbered |= str_eqc(name, "number");
		err = get_part(name, value, a, &r);
	}
	if (err)
		return err;
	if (!r.address.n || !numbered || (e->nrcpt && r.number <= e->rcpt[e->nrcpt - 1].number))
		return E_SYNTAX;
	e->rcpt[e->nrcpt++] = r;
	return 0;
}

/* -9 to 9, no sign before a positive one. */
static int get_priority(struct str value, int *out)
{
	bool negative = str_starts(value, "-");
	int64_t n = 0;
	int r = get_i64(negative ? str_from(value, 1) : value, ENVELOPE_PRIORITY_MAX, &n);

	if (!r)
		*out = negative ? -(int)n : (int)n;
	return r;
}

static int get_ret(struct str value, struct envelope *e)
{
	if (str_eqc(value, ret_name[RET_FULL]))
		e->ret = RET_FULL;
	else if (str_eqc(value, ret_name[RET_HDRS]))
		e->ret = RET_HDRS;
	else
		return E_SYNTAX;
	return 0;
}

/* The fields of a message, each once; the bit of its place in `seen`. */
static const char *const field_name[] = { "id", "time", "size", "sender", "confirmed", "sender-local",
	"user", "session", "envid", "ret", "body8", "smtputf8", "report", "requiretls", "release", "priority", "peer",
	"helo", "forward", "hold", "from", "alias", "verp", "future" };
enum { ID, TIME, SIZE, SENDER, CONFIRMED, SENDER_LOCAL, USER, SESSION, ENVID, RET, BODY8, SMTPUTF8, REPORT,
	REQUIRETLS, RELEASE, PRIORITY, PEER, HELO, FORWARD, HOLD, FROM, ALIAS, VERP, FUTURE,
	NEEDED = 1 << ID | 1 << TIME | 1 << SIZE | 1 << SENDER };

static int get_field(size_t i, struct str value, struct arena *a, struct envelope *e)
{
	int64_t n = 0;
	int err = 0;

	switch (i) {
	case ID:
		err = get_text(value, a, &e->id);
		return !err && !envelope_id_ok(e->id) ? E_SYNTAX : err;
	case TIME:
		return get_i64(value, INT64_MAX, &e->time);
	case SIZE:
		err = get_i64(value, INT64_MAX, &n);
		e->size = (uint64_t)n;
		return err;
	case SENDER:
		return get_text(value, a, &e->sender);
	case CONFIRMED:
		return get_flag(value, &e->confirmed);
	case SENDER_LOCAL:
		return get_flag(value, &e->sender_local);
	case USER:
		return get_text(value, a, &e->user);
	case SESSION:
		return get_text(value, a, &e->session);
	case ENVID:
		return get_text(value, a, &e->envid);
	case RET:
		return get_ret(value, e);
	case BODY8:
		return get_flag(value, &e->body8);
	case SMTPUTF8:
		return get_flag(value, &e->smtputf8);
	case REPORT:
		return get_flag(value, &e->report);
	case REQUIRETLS:
		return get_flag(value, &e->requiretls);
	case RELEASE:
		return get_i64(value, INT64_MAX, &e->release);
	case PRIORITY:
		return get_priority(value, &e->priority);
	case PEER:
		return get_text(value, a, &e->peer);
	case HELO:
		return get_text(value, a, &e->helo);
	case FORWARD:
		return get_flag(value, &e->forward);
	case HOLD:
		return get_flag(value, &e->hold);
	case FROM:
		return get_text(value, a, &e->from);
	case ALIAS:
		return get_text(value, a, &e->alias);
	case VERP:
		err = get_text(value, a, &e->verp);
		return !err ? verp_check(e->verp) : err;
	case FUTURE:
		return get_text(value, a, &e->future);
	}
	return 0;
}

static int get_line(struct str line, struct arena *a, struct envelope *e, uint32_t *seen)
{
	struct str value = line, name = str_cut(&value, '=');
	size_t i;

	if (!name.n || !value.p)
		return E_SYNTAX;
	if (str_eqc(name, "rcpt"))
		return get_rcpt(value, a, e);
	for (i = 0; i < ARRAY_LEN(field_name); i++)
		if (str_eqc(name, field_name[i]))
			break;
	if (i == ARRAY_LEN(field_name))
		return 0; /* of a newer program */
	if (*seen & 1u << i)
		return E_SYNTAX;
	*seen |= 1u << i;
	return get_field(i, value, a, e);
}

static size_t count_rcpt(struct str text)
{
	size_t n = 0;

	while (text.n)
		n += str_starts(str_cut(&text, '\n'), "rcpt=");
	return n;
}

int envelope_parse(struct str head, struct arena *a, struct envelope *out)
{
	struct envelope e = { 0 };
	uint32_t crc = 0, seen = 0;
	size_t length = 0;
	struct str text, line = STR("-");
	int r = first_line(head, &length, &crc);

	if (r)
		return r;
	if (head.n != length)
		return E_SYNTAX;
	text = str_from(head, FIRST_LINE);
	if (crc32c(0, text.p, text.n) != crc)
		return E_DAMAGED;
	if (text.p[text.n - 1] != '\n')
		return E_SYNTAX;
	e.rcpt = arena_array(a, count_rcpt(text) + 1, sizeof *e.rcpt);
	while (!r && text.n) {
		line = str_cut(&text, '\n');
		if (!line.n)
			break;
		r = get_line(line, a, &e, &seen);
	}
	if (r)
		return r;
	if (line.n || text.n || (seen & NEEDED) != NEEDED || !e.nrcpt) /* ends in the empty line, and there only */
		return E_SYNTAX;
	*out = e;
	return 0;
}
