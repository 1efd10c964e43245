/* SPDX-License-Identifier: ISC
 *
 * fake_store.c: see fake_store.h.
 */
#include "tests/unit/pop3/fake_store.h"

struct fake_store fake;
static struct store_rec rec[FAKE_MAILS];
static struct store_view view;

int store_select(struct store *s, struct str folder, bool readonly, struct store_view **out)
{
	uint32_t n;

	BUG_ON(!str_eqc(folder, "INBOX") || readonly);
	if (fake.select_err)
		return fake.select_err;
	for (n = 0; n < FAKE_MAILS && fake.mail[n]; n++)
		rec[n] = (struct store_rec){ .uid = n + 10, .size = strlen(fake.mail[n]) };
	view = (struct store_view){ .store = s, .rec = rec, .n = n };
	*out = &view;
	fake.open++;
	return 0;
}

void store_deselect(struct store_view *v)
{
	BUG_ON(v != &view);
	fake.open--;
}

int store_msg_open(struct store_view *v, uint32_t index, struct store_msg *out)
{
	BUG_ON(index >= v->n);
	if (fake.open_err)
		return fake.open_err;
	*out = (struct store_msg){ .fd = -1, .size = strlen(fake.mail[index]),
		.owned = (void *)(uintptr_t)fake.mail[index] };
	fake.open++;
	return 0;
}

int store_msg_read(struct store_msg *m, uint64_t at, size_t n, struct buf *out)
{
	const char *text = m->owned;

	BUG_ON(at > m->size);
	n = MIN(n, m->size - at);
	if (fake.piece)
		n = MIN(n, fake.piece);
	if (fake.broken_at && at >= fake.broken_at)
		return -EIO;
	buf_add(out, text + at, n);
	return 0;
}

void store_msg_close(struct store_msg *m)
{
	(void)m;
	fake.open--;
}

int store_pop3_uidl(struct store_view *v, uint32_t index, struct buf *out)
{
	if (fake.uidl_err)
		return fake.uidl_err;
	buf_fmt(out, "uid%u", v->rec[index].uid);
	return 0;
}

int store_expunge(struct store_view *v, const uint32_t *index, size_t n)
{
	size_t i;

	(void)v;
	if (fake.expunge_err)
		return fake.expunge_err;
	for (i = 0; i < n; i++)
		fake.expunged[index[i]] = true;
	return 0;
}

int store_set_flags(struct store_view *v, const uint32_t *index, size_t n, enum store_op op, uint32_t flags,
	const struct str *keyword, size_t nkeywords, struct arena *a, uint32_t **changed_out,
	size_t *nchanged_out, bool *gone_out)
{
	size_t i;

	(void)v, (void)keyword, (void)nkeywords, (void)a, (void)changed_out, (void)nchanged_out, (void)gone_out;
	BUG_ON(op != STORE_ADD || flags != STORE_SEEN);
	for (i = 0; i < n; i++)
		fake.seen[index[i]] = true;
	return 0;
}
