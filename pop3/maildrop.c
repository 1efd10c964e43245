/* SPDX-License-Identifier: ISC
 *
 * maildrop.c: the messages of the session, their marks, and the UPDATE state
 * (RFC 1939 6). What was fetched whole counts as read, as it does when the same
 * person reads by IMAP; like the deletions this is written at QUIT, in one go.
 */
#include "pop3/session.h"

int pop3_maildrop_open(struct pop3_session *s)
{
	uint32_t i;
	int r = store_select(s->store, STR("INBOX"), false, &s->view);

	if (r)
		return r;
	s->mark = mem_alloc(s->view->n ? s->view->n : 1, 1);
	s->count = s->view->n;
	for (i = 0; i < s->view->n; i++)
		s->size += s->view->rec[i].size;
	return 0;
}

void pop3_maildrop_close(struct pop3_session *s)
{
	if (s->view)
		store_deselect(s->view);
	s->view = NULL;
	free(s->mark);
	s->mark = NULL;
}

bool pop3_message(struct pop3_session *s, struct str arg, uint32_t *index_out)
{
	uint64_t n;

	if (str_u64(arg, UINT32_MAX, &n) || !n || n > s->view->n) {
		s->errors++;
		pop3_err(s, "no such message");
		return false;
	}
	if (s->mark[n - 1] & POP3_DELETED) {
		pop3_err(s, "message %llu is deleted", (unsigned long long)n);
		return false;
	}
	*index_out = (uint32_t)n - 1;
	return true;
}

void pop3_mark_deleted(struct pop3_session *s, uint32_t index)
{
	BUG_ON(index >= s->view->n || (s->mark[index] & POP3_DELETED));
	s->mark[index] |= POP3_DELETED;
	s->count--;
	s->size -= s->view->rec[index].size;
}

void pop3_unmark_all(struct pop3_session *s)
{
	uint32_t i;

	for (i = 0; i < s->view->n; i++) {
		if (!(s->mark[i] & POP3_DELETED))
			continue;
		s->mark[i] &= (uint8_t)~POP3_DELETED;
		s->count++;
		s->size += s->view->rec[i].size;
	}
}

/* Indexes of the messages whose marks are `want` among `mask`. */
static size_t marked(const struct pop3_session *s, uint8_t mask, uint8_t want, uint32_t *index)
{
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < s->view->n; i++)
		if ((s->mark[i] & mask) == want)
			index[n++] = i;
	return n;
}

int pop3_maildrop_update(struct pop3_session *s)
{
	uint32_t *index = mem_alloc(s->view->n ? s->view->n : 1, sizeof *index), *changed;
	size_t n = marked(s, POP3_DELETED | POP3_READ, POP3_READ, index), nchanged;
	struct arena a;
	bool gone;
	int r = 0;

	arena_init(&a);
	if (n) /* a flag that could not be set is no reason to keep the deleted */
		(void)store_set_flags(s->view, index, n, STORE_ADD, STORE_SEEN, NULL, 0, &a,
			&changed, &nchanged, &gone);
	arena_done(&a);
	n = marked(s, POP3_DELETED, POP3_DELETED, index);
	if (n)
		r = store_expunge(s->view, index, n);
	if (!r)
		s->deleted = n;
	free(index);
	return r;
}
