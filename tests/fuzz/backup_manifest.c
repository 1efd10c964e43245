/* SPDX-License-Identifier: ISC
 *
 * backup_manifest.c: the texts of a backup: refused or understood, and then printed as
 * they were understood. The checksum of a manifest is set right, so that what
 * follows it is read.
 */
#include "backup/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void manifest(struct str text, struct arena *a)
{
	unsigned char sha[SHA256_SIZE];
	char hex[SHA256_HEX + 1];
	struct snapshot s, t;
	struct buf b, again;

	buf_init(&b, text.n + 200);
	buf_init(&again, text.n * 4 + 4096);
	buf_str(&b, text);
	sha256_of(text, sha);
	sha256_print(sha, hex);
	buf_fmt(&b, "sum %s\n", hex);
	if (snapshot_parse(buf_view(&b), a, &s) == 0) {
		snapshot_print(&s, &again);
		BUG_ON(again.err || snapshot_parse(buf_view(&again), a, &t) != 0);
		BUG_ON(t.nmailboxes != s.nmailboxes || t.messages != s.messages || !str_eq(t.host, s.host));
	}
	buf_done(&b);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size);
	struct kept_mailbox m, m2;
	struct kept_message *k;
	struct kept_file *f;
	struct kept_queue q;
	struct arena a;
	struct buf b;
	size_t n;

	arena_init(&a);
	buf_init(&b, size * 4 + 4096);
	manifest(text, &a);
	if (mailbox_parse(text, &a, &m) == 0) {
		mailbox_print(&m, &b);
		BUG_ON(b.err || mailbox_parse(buf_view(&b), &a, &m2) != 0);
		BUG_ON(m2.nfiles != m.nfiles || m2.nfolders != m.nfolders);
	}
	(void)list_parse(text, &a, &k, &n);
	(void)queue_parse(text, &a, &q);
	(void)files_parse(text, &a, &f, &n);
	buf_done(&b);
	arena_done(&a);
	return 0;
}
