/* SPDX-License-Identifier: ISC
 *
 * cmd_list.c: STAT, LIST (RFC 1939 5) and UIDL (7): what is in the maildrop,
 * deleted messages not counted. Sizes are the octets that RETR sends, without
 * stuffed dots (RFC 1939 11).
 */
#include "pop3/session.h"

void pop3_cmd_stat(struct pop3_session *s, struct str arg)
{
	(void)arg;
	pop3_ok(s, "%u %llu", s->count, (unsigned long long)s->size);
}

void pop3_cmd_list(struct pop3_session *s, struct str arg)
{
	uint32_t i;

	if (arg.n) {
		if (pop3_message(s, arg, &i))
			pop3_ok(s, "%u %llu", i + 1, (unsigned long long)s->view->rec[i].size);
		return;
	}
	pop3_ok(s, "%u messages (%llu octets)", s->count, (unsigned long long)s->size);
	for (i = 0; i < s->view->n && !s->io->err; i++)
		if (!(s->mark[i] & POP3_DELETED))
			stream_fmt(s->io, "%u %llu\r\n", i + 1, (unsigned long long)s->view->rec[i].size);
	stream_puts(s->io, ".\r\n");
}

/* unique-id: 1 to 70 characters in the range 0x21 to 0x7E */
static int unique_id(struct pop3_session *s, uint32_t index, struct buf *out)
{
	int r;

	buf_reset(out);
	r = store_pop3_uidl(s->view, index, out);
	return r ? r : out->err;
}

void pop3_cmd_uidl(struct pop3_session *s, struct str arg)
{
	struct buf id;
	uint32_t i;
	int r = 0;

	buf_init(&id, 70);
	if (arg.n) {
		if (pop3_message(s, arg, &i)) {
			r = unique_id(s, i, &id);
			if (r)
				pop3_err(s, "[SYS/TEMP] unique id cannot be read");
			else
				pop3_ok(s, "%u %.*s", i + 1, STRF(buf_view(&id)));
		}
		buf_done(&id);
		return;
	}
	pop3_ok(s, "unique ids follow");
	for (i = 0; i < s->view->n && !s->io->err; i++) {
		if (s->mark[i] & POP3_DELETED)
			continue;
		r = unique_id(s, i, &id);
		if (r) { /* a list with a gap would make clients fetch all again */
			stream_flush(s->io);
			s->io->err = r;
			break;
		}
		stream_fmt(s->io, "%u %.*s\r\n", i + 1, STRF(buf_view(&id)));
	}
	stream_puts(s->io, ".\r\n");
	buf_done(&id);
}
