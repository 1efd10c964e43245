/* SPDX-License-Identifier: ISC
 *
 * mbox.c (fuzz): a message begins before it has text and ends after it; no bare LF comes out;
 * in whatever pieces the file is read, the same comes of it.
 */
#include "base/rand.h"
#include "import/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
	struct buf all;
	bool open;
	char last;
};

static int on_begin(void *arg, const struct mbox_facts *f)
{
	struct heard *h = arg;

	BUG_ON(h->open);
	h->open = true;
	h->last = 0;
	buf_fmt(&h->all, "[%u %s %lld %d]", f->flags, f->keywords, (long long)f->date, f->internal);
	return 0;
}

static int on_text(void *arg, const void *p, size_t n)
{
	struct heard *h = arg;
	const char *s = p;
	size_t i;

	BUG_ON(!h->open);
	for (i = 0; i < n; i++) {
		BUG_ON(s[i] == '\n' && h->last != '\r');
		h->last = s[i];
	}
	buf_add(&h->all, p, n);
	return 0;
}

static int on_end(void *arg)
{
	struct heard *h = arg;

	BUG_ON(!h->open);
	h->open = false;
	return 0;
}

static void read_in(const uint8_t *data, size_t size, size_t piece, struct heard *h)
{
	static const struct mbox_ops ops = { on_begin, on_text, on_end };
	struct mbox m;
	size_t at;

	memset(h, 0, sizeof(*h));
	buf_init(&h->all, 4 << 20);
	mbox_init(&m, &ops, h);
	for (at = 0; at < size; at += piece)
		(void)mbox_feed(&m, (const char *)data + at, MIN(piece, size - at));
	BUG_ON(mbox_finish(&m) == 0 && h->open);
	mbox_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard a, b;

	read_in(data, size, size ? size : 1, &a);
	read_in(data, size, 7, &b);
	BUG_ON(!str_eq(buf_view(&a.all), buf_view(&b.all)));
	buf_done(&a.all);
	buf_done(&b.all);
	return 0;
}
