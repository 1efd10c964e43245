/* SPDX-License-Identifier: ISC
 *
 * snapshots.c: see snapshots.h.
 */
#include "backup/snapshots.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define UNFINISHED "unfinished"

static int by_id(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int snapshots_list(struct repo *r, struct arena *a, struct str **out, size_t *n_out)
{
	size_t n = 0, cap = 64;
	struct str *id = mem_alloc(cap, sizeof(*id));
	int fd = file_open_dir(r->dir, "snapshots");
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		free(id);
		return repo_fail(r, fd < 0 ? fd : -errno, "snapshots: %s", err_text(fd < 0 ? fd : -errno));
	}
	while ((e = readdir(d))) {
		if (!snapshot_id_ok(str_of(e->d_name)))
			continue; /* a rest of file_replace */
		if (n == cap)
			id = mem_grow(id, cap *= 2, sizeof(*id));
		id[n++] = arena_str(a, str_of(e->d_name));
	}
	closedir(d);
	qsort(id, n, sizeof(*id), by_id);
	*out = arena_array(a, n + 1, sizeof(*id));
	memcpy(*out, id, n * sizeof(*id));
	*n_out = n;
	free(id);
	return 0;
}

static int load(struct repo *r, const char *path, struct arena *a, struct snapshot *out)
{
	struct buf b;
	int err;

	buf_init(&b, MANIFEST_MAX);
	err = file_load(r->dir, path, &b);
	if (!err)
		err = snapshot_parse(buf_view(&b), a, out);
	buf_done(&b);
	if (err == -ENOENT)
		return repo_fail(r, E_NOTFOUND, "there is no %s", path);
	if (err == E_UNSUPPORTED)
		return repo_fail(r, err, "%s has the format of another version of Mansio", path);
	return err ? repo_fail(r, err, "%s: %s", path, err_text(err)) : 0;
}

int snapshots_load(struct repo *r, struct str id, struct arena *a, struct snapshot *out)
{
	char path[40];
	struct str *all;
	size_t n;
	int err;

	if (str_eqc(id, "latest")) {
		err = snapshots_list(r, a, &all, &n);
		if (err)
			return err;
		if (!n)
			return repo_fail(r, E_NOTFOUND, "there is no snapshot yet");
		id = all[n - 1];
	}
	if (!snapshot_id_ok(id))
		return repo_fail(r, E_NOTFOUND, "there is no snapshot of that name ('backup list' names them, like 20260131T031500Z)");
	snprintf(path, sizeof(path), "snapshots/%.*s", STRF(id));
	err = load(r, path, a, out);
	if (!err && !str_eq(out->id, id))
		return repo_fail(r, E_DAMAGED, "%s holds another snapshot", path);
	return err;
}

static int save(struct repo *r, const char *path, const struct snapshot *s)
{
	struct buf b;
	int err;

	buf_init(&b, MANIFEST_MAX);
	snapshot_print(s, &b);
	err = b.err ? b.err : file_replace(r->dir, path, buf_view(&b), 0640);
	buf_done(&b);
	return err ? repo_fail(r, err, "%s: %s", path, err_text(err)) : 0;
}

int snapshots_save(struct repo *r, const struct snapshot *s)
{
	char path[40];

	snprintf(path, sizeof(path), "snapshots/%.*s", STRF(s->id));
	return save(r, path, s);
}

int snapshots_remove(struct repo *r, struct str id)
{
	char path[40];
	int err;

	snprintf(path, sizeof(path), "snapshots/%.*s", STRF(id));
	err = file_unlink(r->dir, path);
	if (!err)
		err = file_fsync_dir(r->dir, "snapshots");
	return err ? repo_fail(r, err, "%s: %s", path, err_text(err)) : 0;
}

int unfinished_load(struct repo *r, struct arena *a, struct snapshot *out)
{
	return load(r, UNFINISHED, a, out);
}

int unfinished_save(struct repo *r, const struct snapshot *s)
{
	return save(r, UNFINISHED, s);
}

int unfinished_remove(struct repo *r)
{
	return file_unlink(r->dir, UNFINISHED);
}

/* --- keeping ------------------------------------------------------------------------ */

static unsigned part(struct str id, size_t at, size_t n)
{
	uint64_t v = 0;

	(void)str_u64(str_sub(id, at, at + n), 9999, &v);
	return (unsigned)v;
}

int64_t snapshots_time(struct str id)
{
	struct tm tm = { .tm_year = (int)part(id, 0, 4) - 1900, .tm_mon = (int)part(id, 4, 2) - 1,
		.tm_mday = (int)part(id, 6, 2), .tm_hour = (int)part(id, 9, 2), .tm_min = (int)part(id, 11, 2),
		.tm_sec = (int)part(id, 13, 2) };

	return (int64_t)timegm(&tm);
}

/* Snapshots with the same number belong to the same period. */
static int64_t period_of(struct str id, enum keep_period p)
{
	int64_t day = snapshots_time(id) / 86400;

	switch (p) {
	case KEEP_DAILY:
		return day;
	case KEEP_WEEKLY:
		return (day + 3) / 7; /* 1 January 1970 was a Thursday; weeks begin on Monday */
	case KEEP_MONTHLY:
		return (int64_t)part(id, 0, 4) * 12 + part(id, 4, 2);
	case KEEP_YEARLY:
		return part(id, 0, 4);
	case KEEP_LAST:
		break;
	}
	return snapshots_time(id);
}

void snapshots_keep(const struct str *id, size_t n, const struct keep_rule *rule, size_t nrules, bool *keep)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		keep[i] = nrules == 0 || i + 1 == n;
	for (k = 0; k < nrules; k++) {
		uint64_t left = rule[k].n;
		int64_t last = INT64_MIN;

		for (i = n; i > 0 && left > 0; i--) {
			int64_t p = period_of(id[i - 1], rule[k].period);

			if (p == last)
				continue;
			last = p;
			keep[i - 1] = true;
			left--;
		}
	}
}
