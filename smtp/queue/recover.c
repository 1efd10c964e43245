/* SPDX-License-Identifier: ISC
 *
 * recover.c: after a start, in slices between the turns of the others:
 *
 *   RECOVER_ROWS   each message of the life before: what was ACTIVE is due now;
 *                  is its file there? If not: damage, kept for the admin
 *   RECOVER_FILES  each file of the spool: one without a row is of a message whose
 *                  acceptance was not finished (removed after `[queue] unfinished_keep`), or,
 *                  if queue.db was made anew, one that is to be taken up again
 *   RECOVER_REST   nothing to do; the files are looked at again from time to time
 *
 * If queue.db was lost, the files come first: mail moves as soon as it is found.
 */
#include "smtp/queue/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define ROWS 500 /* a slice */
#define FILES 2000
#define SLICE_MS 20 /* the rest of a slice waits for the next one then */
#define AGAIN_MS 60000 /* at least, between two looks at the files */

void recover_start(struct queue *q)
{
	q->recovery.phase = q->rows.rebuild ? RECOVER_FILES : RECOVER_ROWS;
}

void recover_again(struct queue *q)
{
	if (q->recovery.phase == RECOVER_REST)
		return;
	recover_stop(q);
	q->recovery = (struct recovery){ 0 };
	q->messages = 0;
	recover_start(q);
}

void recover_stop(struct queue *q)
{
	if (q->recovery.dir)
		closedir(q->recovery.dir);
	q->recovery.dir = NULL;
}

static void say_found(struct queue *q)
{
	struct trace t;

	if (!q->recovery.found && !q->recovery.missing && !q->recovery.removed)
		return;
	trace_begin(&t, TRACE_INFO, "queue-recovered");
	trace_u64(&t, "messages", q->messages);
	trace_u64(&t, "found", q->recovery.found);
	trace_u64(&t, "missing", q->recovery.missing);
	trace_u64(&t, "removed", q->recovery.removed);
	trace_end(&t);
	q->recovery.found = q->recovery.missing = q->recovery.removed = 0;
}

/* --- rows ------------------------------------------------------------------------- */

static bool slice_rows(struct queue *q)
{
	struct message_row *v = arena_array(&q->turn.arena, ROWS, sizeof(*v));
	size_t i, n = rows_range(&q->rows, q->recovery.m, &q->turn.arena, v, ROWS);
	struct stat st;

	while (n > 0 && v[n - 1].m >= q->first_m)
		n--; /* of this life */
	if (n == 0)
		return false;
	rows_reset_active(&q->rows, q->recovery.m + 1, v[n - 1].m, clock_unix());
	held_fulfil(q, q->recovery.m + 1, v[n - 1].m);
	for (i = 0; i < n; i++) {
		if (fstatat(q->spool, v[i].id.p, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
			message_damaged(q, &v[i], -ENOENT);
			q->recovery.missing++;
		}
	}
	q->messages += n;
	q->recovery.m = v[n - 1].m;
	return true;
}

/* --- files ------------------------------------------------------------------------- */

static void rebuild(struct queue *q, const char *name)
{
	struct envelope e;
	uint64_t offset;
	char aside[300];
	int fd = message_open(q, str_of(name), &q->turn.arena, &e, &offset);

	if (fd < 0) { /* kept under a name that is no id: somebody may want to look at it */
		snprintf(aside, sizeof(aside), "%s.damaged", name);
		trace_event(TRACE_ERROR, "content-damaged", NULL, "%s: %s", aside, err_text(fd));
		(void)file_rename(q->spool, name, aside); /* if not: it is found again */
		return;
	}
	close(fd);
	message_insert(q, &e, offset, false, limits_look(q, &e));
	q->recovery.found++;
}

static void unfinished(struct queue *q, const char *name)
{
	struct stat st;
	int64_t age;

	if (fstatat(q->spool, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	age = clock_unix() - (int64_t)st.st_ctime;
	if (age * 1000 < q->conf->queue_unfinished_keep)
		return;
	trace_event(TRACE_INFO, "unfinished", NULL, "%s: removed", name);
	queue_unlink_later(q, str_of(name));
	q->recovery.removed++;
}

static int open_dir(struct queue *q)
{
	int fd = file_open_dir(q->spool, ".");

	if (fd >= 0)
		q->recovery.dir = fdopendir(fd);
	if (fd >= 0 && !q->recovery.dir)
		close(fd);
	return q->recovery.dir ? 0 : -1;
}

static bool slice_files(struct queue *q)
{
	deadline over = deadline_in(SLICE_MS);
	struct dirent *d;
	int64_t m;
	int i;

	if (!q->recovery.dir && open_dir(q) < 0)
		return false;
	for (i = 0; i < FILES && !deadline_passed(over); i++) {
		d = readdir(q->recovery.dir);
		if (!d) {
			recover_stop(q);
			return false;
		}
		if (file_is_tmp(d->d_name))
			(void)file_unlink(q->spool, d->d_name);
		if (!envelope_id_ok(str_of(d->d_name)) ||
		    rows_find(&q->rows, str_of(d->d_name), &m) != E_NOTFOUND)
			continue;
		if (q->rows.rebuild)
			rebuild(q, d->d_name);
		else
			unfinished(q, d->d_name);
	}
	return true;
}

/* --- all ------------------------------------------------------------------------------ */

static void files_done(struct queue *q)
{
	bool was_rebuild = q->rows.rebuild;

	if (was_rebuild)
		rows_rebuilt(&q->rows);
	q->rows.rebuild = false;
	if (was_rebuild)
		held_rebuilt(q);
	/* the rows of a rebuild that was broken off, and what it had begun */
	q->recovery.phase = was_rebuild && q->first_m > 1 ? RECOVER_ROWS : RECOVER_REST;
	q->recovery.again = deadline_in(MAX(q->conf->queue_unfinished_keep, (int64_t)AGAIN_MS));
	say_found(q);
}

void recover_slice(struct queue *q)
{
	switch (q->recovery.phase) {
	case RECOVER_ROWS:
		if (!slice_rows(q))
			q->recovery.phase = RECOVER_FILES;
		q->more = true;
		break;
	case RECOVER_FILES:
		if (slice_files(q))
			q->more = true;
		else
			files_done(q);
		break;
	case RECOVER_REST:
		if (deadline_passed(q->recovery.again)) {
			q->recovery.phase = RECOVER_FILES;
			q->more = true;
		}
		break;
	}
}
