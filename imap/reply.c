/* SPDX-License-Identifier: ISC
 *
 * reply.c: what is said to the client besides data: tagged replies with the
 * response codes of RFC 3501 7.1 and RFC 5530, and the parsing steps that many
 * commands share and that end in a reply when they fail.
 */
#include <stdarg.h>

#include "imap/parse.h"
#include "imap/session.h"

static void set(struct imap_session *s, enum imap_result result, const char *fmt, va_list ap)
{
	s->result = result;
	buf_reset(&s->reply);
	buf_vfmt(&s->reply, fmt, ap);
}

void imap_ok(struct imap_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(s, IMAP_OK, fmt, ap);
	va_end(ap);
}

void imap_no(struct imap_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(s, IMAP_NO, fmt, ap);
	va_end(ap);
}

void imap_bad(struct imap_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(s, IMAP_BAD, fmt, ap);
	va_end(ap);
}

void imap_bye(struct imap_session *s, const char *text)
{
	if (!s->ending)
		stream_fmt(s->stream, "* BYE %s\r\n", text);
	s->ending = true;
}

static void log_failure(struct imap_session *s, int err, const char *what)
{
	struct trace t;

	trace_begin(&t, TRACE_WARN, "failed");
	trace_str(&t, "s", s->id);
	trace_str(&t, "user", s->user);
	trace_s(&t, "command", what);
	trace_s(&t, "error", err_text(err));
	trace_end(&t);
}

void imap_error(struct imap_session *s, int err, const char *what)
{
	switch (err) {
	case E_NOTFOUND:
		imap_no(s, "[NONEXISTENT] Mailbox does not exist");
		return;
	case E_EXISTS:
		imap_no(s, "[ALREADYEXISTS] Mailbox already exists");
		return;
	case E_SYNTAX:
		imap_no(s, "[CANNOT] Invalid mailbox name");
		return;
	case E_LIMIT:
		imap_no(s, "[LIMIT] A limit of this mailbox is reached");
		return;
	case E_QUOTA:
		imap_no(s, "[OVERQUOTA] Mailbox is full");
		return;
	case E_DENIED:
		imap_no(s, "[CANNOT] Not possible for this mailbox");
		return;
	case E_STALE:
		imap_no(s, "Mailbox was deleted or changed its identity");
		imap_bye(s, "[UNAVAILABLE] Mailbox was deleted or changed its identity");
		return;
	case E_TEMP:
		imap_no(s, "[UNAVAILABLE] Mailbox is busy, try again later");
		break;
	case -ENOSPC:
	case -EDQUOT:
		imap_no(s, "[UNAVAILABLE] Out of disk space, try again later");
		break;
	case -EIO:
	case -EROFS:
		imap_no(s, "[UNAVAILABLE] The disk failed, try again later");
		break;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		imap_no(s, "[UNAVAILABLE] Out of resources, try again later");
		break;
	default:
		imap_no(s, "[SERVERBUG] Internal error, see the log for session %.*s", STRF(s->id));
		break;
	}
	log_failure(s, err, what);
}

void imap_print_mailbox(struct str utf8, struct buf *out)
{
	struct buf b;
	size_t i;

	buf_init(&b, 8 * IMAP_NAME_MAX);
	mutf7_encode(utf8, &b);
	buf_c(out, '"');
	for (i = 0; i < b.n; i++) {
		if (b.p[i] == '"' || b.p[i] == '\\')
			buf_c(out, '\\');
		buf_c(out, b.p[i]);
	}
	buf_c(out, '"');
	buf_done(&b);
}

void imap_print_flags(const struct store_view *v, const struct store_rec *r, struct buf *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} known[] = {
		{ STORE_ANSWERED, "\\Answered" }, { STORE_FLAGGED, "\\Flagged" },
		{ STORE_DELETED, "\\Deleted" }, { STORE_SEEN, "\\Seen" }, { STORE_DRAFT, "\\Draft" },
		{ STORE_RECENT, "\\Recent" },
	};
	const char *sep = "";
	size_t i;

	buf_c(out, '(');
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (r->flags & known[i].bit) {
			buf_puts(out, sep);
			buf_puts(out, known[i].name);
			sep = " ";
		}
	for (i = 0; i < v->nkeywords && r->keywords; i++)
		if (r->keywords & (UINT64_C(1) << i)) {
			buf_puts(out, sep);
			buf_str(out, v->keyword[i]);
			sep = " ";
		}
	buf_c(out, ')');
}

bool imap_args_end(struct imap_session *s, struct cur *c)
{
	if (cur_end(c))
		return true;
	imap_bad(s, "Unexpected arguments");
	return false;
}

bool imap_only_mailbox(struct imap_session *s, struct str *name_out)
{
	struct cur c = s->in.args;
	struct str name;
	bool bad;

	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &name, &bad) != 1) {
		imap_bad(s, "Mailbox name expected");
		return false;
	}
	if (!imap_args_end(s, &c))
		return false;
	if (bad) {
		imap_error(s, E_SYNTAX, "");
		return false;
	}
	*name_out = name;
	return true;
}

/* Sequence numbers above EXISTS are an error (RFC 3501 9, seq-number). */
static bool check_numbers(struct imap_session *s, const struct imapset *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (!set->r[i].lo || set->r[i].hi > s->view->n) {
			imap_bad(s, "Invalid message number");
			return false;
		}
	return true;
}

/* "$" stands alone, and is an empty set if nothing was saved (RFC 5182 2.1). */
static bool parse_saved(struct imap_session *s, struct cur *c, struct imapset *out)
{
	if (!cur_take(c, '$'))
		return false;
	*out = s->saved;
	return true;
}

/* How many messages a set can name: a command for one of 100,000 needs no room for all. */
static size_t set_room(const struct store_view *v, const struct imapset *set, bool uids)
{
	size_t i, n = 0;

	for (i = 0; i < set->n; i++) {
		uint32_t lo = set->r[i].lo, hi = set->r[i].hi;

		if (!uids)
			n += hi - lo + 1;
		else if (hi >= lo)
			n += (hi == UINT32_MAX ? v->n : store_find_from(v, hi + 1)) - store_find_from(v, lo);
	}
	return MIN(n, (size_t)v->n);
}

bool imap_parse_set(struct imap_session *s, struct cur *c, uint32_t **index_out, size_t *n_out,
	bool *gone_out)
{
	const struct store_view *v = s->view;
	struct imapset set;
	bool saved = parse_saved(s, c, &set), uids = saved || s->in.uid;
	uint32_t *index;
	size_t i, n = 0;

	if (!saved && imapset_parse(c, &s->a, &set) != 1) {
		imap_bad(s, "Invalid message set");
		return false;
	}
	if (!saved)
		imapset_resolve(&set, !s->in.uid ? v->n : v->n ? v->rec[v->n - 1].uid : 0);
	if (!uids && !check_numbers(s, &set))
		return false;
	index = arena_array(&s->a, set_room(v, &set, uids) + 1, sizeof *index);
	*gone_out = false;
	for (i = 0; i < set.n; i++) {
		uint32_t at = uids ? store_find_from(v, set.r[i].lo) : set.r[i].lo - 1;

		for (; at < v->n && (uids ? v->rec[at].uid : at + 1) <= set.r[i].hi; at++) {
			if (v->rec[at].flags & STORE_GONE)
				*gone_out |= !saved;
			else
				index[n++] = at;
		}
	}
	*index_out = index;
	*n_out = n;
	return true;
}

void imap_save(struct imap_session *s, const uint32_t *index, size_t n)
{
	const struct store_view *v = s->view;
	size_t i;

	free(s->saved.r);
	s->saved = (struct imapset){ .n = 0 };
	if (n)
		s->saved.r = mem_alloc(n, sizeof *s->saved.r);
	/* Neighbours share a range: no UID ever appears between two that were seen. */
	for (i = 0; i < n; i++) {
		uint32_t uid = v->rec[index[i]].uid;

		if (i && index[i] == index[i - 1] + 1)
			s->saved.r[s->saved.n - 1].hi = uid;
		else
			s->saved.r[s->saved.n++] = (struct imapset_range){ uid, uid };
	}
	if (s->saved.n)
		s->saved.r = mem_grow(s->saved.r, s->saved.n, sizeof *s->saved.r);
}

void imap_leave(struct imap_session *s)
{
	if (s->view)
		store_deselect(s->view);
	s->view = NULL;
	imap_save(s, NULL, 0);
}
