/* SPDX-License-Identifier: ISC
 *
 * cmd_expunge.c: EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1), with HIGHESTMODSEQ
 * behind the removals (RFC 7162 3.2.7, 3.2.9).
 */
#include "imap/commands.h"

/* Those of the set that are marked \\Deleted. */
static bool deleted_of_set(struct imap_session *s, uint32_t **index_out, size_t *n_out)
{
	struct cur c = s->in.args;
	uint32_t *index;
	size_t i, n, k = 0;
	bool gone;

	if (!cur_take(&c, ' ')) {
		imap_bad(s, "UID set expected");
		return false;
	}
	if (!imap_parse_set(s, &c, &index, &n, &gone) || !imap_args_end(s, &c))
		return false;
	for (i = 0; i < n; i++)
		if (s->view->rec[index[i]].flags & STORE_DELETED)
			index[k++] = index[i];
	*index_out = index;
	*n_out = k;
	return true;
}

static size_t count_gone(const struct store_view *v)
{
	size_t i, n = 0;

	for (i = 0; i < v->n; i++)
		n += !!(v->rec[i].flags & STORE_GONE);
	return n;
}

static void event(struct imap_session *s, size_t n)
{
	struct trace t;

	s->expunged += n;
	trace_begin(&t, TRACE_INFO, "expunge");
	trace_str(&t, "s", s->id);
	trace_str(&t, "folder", s->view->name);
	trace_u64(&t, "messages", n);
	trace_end(&t);
}

void cmd_expunge(struct imap_session *s)
{
	uint32_t *index = NULL;
	size_t n = 0, before;
	int r;

	if (s->view->readonly) {
		imap_no(s, "Mailbox is read-only");
		return;
	}
	if (s->in.uid ? !deleted_of_set(s, &index, &n) : !imap_args_end(s, &s->in.args))
		return;
	before = count_gone(s->view);
	r = s->in.uid && !n ? 0 : store_expunge(s->view, index, n);
	if (r) {
		imap_error(s, r, "EXPUNGE");
		return;
	}
	n = count_gone(s->view) - before;
	if (n)
		event(s, n);
	imap_ok_removed(s, n, "Expunge completed");
}
