/* SPDX-License-Identifier: ISC
 *
 * importindex.c (fuzz): the files of Dovecot and Courier, by the first byte: no UID that is none,
 * no name that could lead out of a folder.
 */
#include "import/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lists(struct str text, char kind, struct arena *a)
{
	struct index x;
	int err;

	index_init(&x, a);
	err = kind == 'd' ? index_dovecot_uidlist(&x, text) : index_courier_uids(&x, text);
	BUG_ON(!err && (!x.uidvalidity || !x.uidnext || x.uidnext > INDEX_UID_MAX + 1));
	BUG_ON(err && (x.uidvalidity || x.by_base.n));
	(void)index_courier_pop3(&x, text);
	index_courier_keywords(&x, text);
	index_courier_keyword_file(&x, text, text);
	index_done(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data + (size > 0), size ? size - 1 : 0), name[INDEX_KEYWORDS], *subs, out;
	size_t beyond, n, i;
	struct arena a;

	arena_init(&a);
	lists(text, size ? (char)data[0] : 'd', &a);
	index_dovecot_keywords(text, &a, name, &beyond);
	n = index_subscriptions(text, size && data[0] == 'c', &a, &subs);
	for (i = 0; i < n; i++)
		BUG_ON(!subs[i].n || str_has_ctl(subs[i]) || !str_is_utf8(subs[i]));
	if (index_folder_name(text, '.', &a, &out) == 0)
		BUG_ON(!out.n || str_has_ctl(out) || !str_is_utf8(out) || str_eqc(out, "..") || str_ieqc(out, "INBOX"));
	arena_done(&a);
	return 0;
}
