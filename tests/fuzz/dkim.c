/* SPDX-License-Identifier: ISC
 *
 * dkim.c: fuzz target of DKIM: the bytes are a signature's tag list, a key record, a field, and a
 * message that is signed in pieces; what we sign must verify, whatever the message is.
 */
#include "smtp/verify/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dkim_key *key;

static void as_lists(struct str in, struct arena *a)
{
	struct dkim_signature g;
	struct dkim_key *k = NULL;

	if (dkim_signature_parse(in, a, &g) == 0)
		BUG_ON(!g.domain.n || !g.selector.n || !g.nnames || str_has_ctl(g.domain));
	if (dkim_key_parse(in, &k) == 0)
		dkim_key_free(k);
}

/* Relaxed once is relaxed for ever. */
static void as_field(struct str in)
{
	struct buf once, twice;

	buf_init(&once, in.n * 2 + 64);
	buf_init(&twice, in.n * 2 + 64);
	dkim_canon_field(in, DKIM_RELAXED, &once);
	dkim_canon_field(buf_view(&once), DKIM_RELAXED, &twice);
	BUG_ON(!str_eq(buf_view(&once), buf_view(&twice)));
	buf_done(&once);
	buf_done(&twice);
}

static void verify(struct str message, struct arena *a)
{
	unsigned char hash[DKIM_HASH];
	struct header h;
	struct dkim_signature g;
	struct dkim_body *b = dkim_body_new(DKIM_RELAXED, UINT64_MAX);
	const struct header_field *f;
	const char *why = "";

	header_parse(message, &header_default_limits, a, &h);
	f = header_get(&h, "DKIM-Signature", 0);
	BUG_ON(!f || dkim_signature_parse(f->body, a, &g) < 0);
	dkim_body_add(b, str_from(message, h.size));
	dkim_body_end(b, hash, NULL);
	BUG_ON(dkim_signature_check(&g, &h, f, hash, key, &why) < 0);
}

/* The message as it leaves: smtp/send/content.c. */
static void line_ends(struct str in, struct buf *out)
{
	size_t i;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && i && in.p[i - 1] == '\r')
			continue;
		if (in.p[i] == '\r' || in.p[i] == '\n')
			buf_puts(out, "\r\n");
		else
			buf_c(out, in.p[i]);
	}
	if (in.n && in.p[in.n - 1] != '\r' && in.p[in.n - 1] != '\n')
		buf_puts(out, "\r\n");
}

static void as_message(struct str in, struct arena *a)
{
	struct dkim_signer *s = dkim_signer_new(1 << 20);
	size_t step = in.n ? 1 + (unsigned char)in.p[0] : 1, i;
	struct buf whole;
	int r = 0;

	buf_init(&whole, in.n * 2 + DKIM_SIGNATURE_MAX);
	for (i = 0; i < in.n && r == 0; i += step)
		r = dkim_signer_add(s, str_sub(in, i, MIN(i + step, in.n)));
	if (r == 0)
		r = dkim_signer_end(s);
	if (r == 0)
		r = dkim_signer_sign(s, key, STR("example.org"), STR("s"), 1, &whole);
	dkim_signer_free(s);
	if (r == 0) {
		line_ends(in, &whole);
		BUG_ON(whole.err);
		verify(buf_view(&whole), a);
	}
	buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);
	struct arena a;

	if (!key)
		key = dkim_key_new(DKIM_ED25519);
	BUG_ON(!key);
	arena_init(&a);
	as_lists(in, &a);
	as_field(in);
	as_message(in, &a);
	arena_done(&a);
	return 0;
}
