/* SPDX-License-Identifier: ISC
 *
 * snapshots.h: the manifests in the folder, and which of them to keep.
 */
#ifndef MANSIO_BACKUP_SNAPSHOTS_H
#define MANSIO_BACKUP_SNAPSHOTS_H

#include "backup/repo.h"
#include "conf/conf.h"

#define MANIFEST_MAX ((size_t)256 << 20)

/* Ids of all, oldest first. */
int snapshots_list(struct repo *r, struct arena *a, struct str **out, size_t *n_out);
/* id: of a snapshot, or "latest". E_NOTFOUND, E_DAMAGED, E_UNSUPPORTED; r->why names the file. */
int snapshots_load(struct repo *r, struct str id, struct arena *a, struct snapshot *out);
/* Durable, and there completely or not at all. */
int snapshots_save(struct repo *r, const struct snapshot *s);
int snapshots_remove(struct repo *r, struct str id);
/* What a run has so far; the next run begins with what it knows. */
int unfinished_load(struct repo *r, struct arena *a, struct snapshot *out);
int unfinished_save(struct repo *r, const struct snapshot *s);
int unfinished_remove(struct repo *r);

/* "7 daily, 5 weekly, 12 monthly, 3 yearly, 10 last" (a bare number: last). 0 or E_SYNTAX. */
struct keep_rule {
	enum keep_period { KEEP_LAST, KEEP_DAILY, KEEP_WEEKLY, KEEP_MONTHLY, KEEP_YEARLY } period;
	uint64_t n;
};
/* Which of n snapshots (ids, oldest first) stay: keep[i]. The newest always does. Without a rule all. */
void snapshots_keep(const struct str *id, size_t n, const struct keep_rule *rule, size_t nrules, bool *keep);
int64_t snapshots_time(struct str id); /* Unix time of an id */

#endif
