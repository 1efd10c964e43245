/* SPDX-License-Identifier: ISC
 *
 * quota.c: what a person is told about room (RFC 9208): the limits, and what an
 * expunge would give back. What counts is in folder.c (usage_quota).
 */
#include "store/folder.h"
#include "store/folders.h"

void store_quota(const struct store *s, uint64_t *bytes_out, uint64_t *messages_out)
{
	*bytes_out = s->quota_bytes;
	*messages_out = s->quota_messages;
}

struct deleted {
	const char *dir;
	uint64_t bytes;
};

static int deleted_burst(struct burst *b, void *arg)
{
	struct deleted *q = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	uint32_t left;
	struct index_scan sc;
	struct record r;
	int rc = 0, err = folder_open(b, q->dir, f);

	q->bytes = 0;
	if (err || !f->meta.deleted)
		return err;
	err = record_scan(b, f->file.id, 0, &sc);
	if (err)
		return err;
	for (left = f->meta.deleted; left && (rc = record_next(&sc, &r)) > 0;)
		if (r.flags & STORE_DELETED) {
			q->bytes += r.size;
			left--;
		}
	index_scan_end(&sc);
	return rc < 0 ? rc : 0;
}

int store_deleted_size(struct store *s, struct str folder, uint64_t *out)
{
	char dir[STORE_DIR_SIZE];
	struct deleted q = { .dir = dir };
	int err = folders_dir(folder, dir);

	if (!err)
		err = burst_read(s, deleted_burst, &q);
	if (!err)
		*out = q.bytes;
	return err == E_SYNTAX ? E_NOTFOUND : err;
}
