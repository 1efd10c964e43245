/* SPDX-License-Identifier: ISC
 *
 * copy.c: one moment of the queue, for a backup, without a pause of the queue.
 *
 *     copy_start ─> slices: pages of queue.db into a file without a name ─> ready
 *                ─> copy_files: the spool, file by file ─> copy_end
 *
 * The copy is made through the queue's own connection, so SQLite carries what a
 * turn changes into it at once: it shows the state at its last slice. From copy_start to
 * copy_end no file of the spool is removed: so every message of the copied
 * database has its file. Files that come meanwhile may be among those given; without a
 * row they are nothing but an acceptance that was not finished.
 *
 * Who does not go on for COPY_IDLE_MS has lost it: the spool must not grow for ever.
 */
#include "smtp/queue/copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/db.h"
#include "base/file.h"
#include "trace/trace.h"

#define COPY_NAME "queue.copy"
#define COPY_PAGES 64 /* of 4 KiB, a slice: under a millisecond */
#define COPY_IDLE_MS 300000
#define COPY_NAMES_MAX 1000000

struct kept {
	STAILQ_ENTRY(kept) link;
	char id[64];
};

struct queue_copy {
	void *who;
	uint64_t question;
	sqlite3 *to;
	sqlite3_backup *pages; /* NULL: the copy is made */
	DIR *spool;
	deadline idle;
	STAILQ_HEAD(, kept) kept;
	size_t nkept;
};

static void pages_end(struct queue_copy *c)
{
	if (c->pages)
		sqlite3_backup_finish(c->pages);
	c->pages = NULL;
	if (c->to)
		sqlite3_close(c->to);
	c->to = NULL;
}

int copy_start(struct queue *q, void *who, uint64_t question)
{
	struct queue_copy *c;
	int r;

	if (q->copy && q->copy->who != who)
		return E_TEMP;
	copy_end(q, who);
	r = file_unlink(AT_FDCWD, COPY_NAME);
	if (r < 0 || !q->rows.db)
		return r < 0 ? r : E_TEMP;
	c = mem_alloc(1, sizeof(*c));
	*c = (struct queue_copy){ .who = who, .question = question, .idle = deadline_in(COPY_IDLE_MS) };
	STAILQ_INIT(&c->kept);
	r = db_copy_open(COPY_NAME, &c->to);
	if (r == 0) {
		c->pages = sqlite3_backup_init(c->to, "main", q->rows.db, "main");
		r = c->pages ? 0 : E_TEMP;
	}
	if (r < 0) {
		pages_end(c);
		free(c);
		(void)file_unlink(AT_FDCWD, COPY_NAME);
		return r;
	}
	q->copy = c;
	return 0;
}

static void made(struct queue_copy *c, void (*ready)(void *who, uint64_t question, int fd), bool good)
{
	int fd = E_TEMP;

	pages_end(c);
	if (good)
		fd = file_open(AT_FDCWD, COPY_NAME, O_RDONLY, 0);
	(void)file_unlink(AT_FDCWD, COPY_NAME);
	ready(c->who, c->question, fd);
	if (fd >= 0)
		close(fd);
	c->idle = deadline_in(COPY_IDLE_MS);
}

void copy_slice(struct queue *q, void (*ready)(void *who, uint64_t question, int fd))
{
	struct queue_copy *c = q->copy;
	int code;

	if (!c)
		return;
	if (deadline_passed(c->idle)) {
		trace_event(TRACE_WARN, "backup-given-up", NULL, "the copy of the queue was not fetched in time");
		copy_end(q, NULL);
		return;
	}
	if (!c->pages)
		return;
	code = sqlite3_backup_step(c->pages, COPY_PAGES);
	if (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return;
	made(c, ready, code == SQLITE_DONE);
	if (code != SQLITE_DONE)
		copy_end(q, NULL);
}

bool copy_busy(const struct queue *q)
{
	return q->copy && q->copy->pages;
}

static int open_spool(struct queue *q, struct queue_copy *c)
{
	int fd;

	if (c->spool)
		return 0;
	fd = file_open_dir(q->spool, ".");
	if (fd < 0)
		return fd;
	c->spool = fdopendir(fd);
	if (!c->spool) {
		close(fd);
		return -errno;
	}
	return 0;
}

int copy_files(struct queue *q, const void *who, size_t n, char (*id_out)[64], int *fd_out, size_t *n_out)
{
	struct queue_copy *c = q->copy;
	struct dirent *e;
	size_t got = 0;
	int r;

	if (!c || c->who != who || c->pages)
		return E_DENIED;
	c->idle = deadline_in(COPY_IDLE_MS);
	r = open_spool(q, c);
	while (r == 0 && got < n && (errno = 0, e = readdir(c->spool))) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof(*id_out) || strchr(e->d_name, '.'))
			continue; /* ID.damaged and the like */
		fd_out[got] = file_open(q->spool, e->d_name, O_RDONLY, 0);
		if (fd_out[got] < 0)
			continue;
		memcpy(id_out[got++], e->d_name, strlen(e->d_name) + 1);
	}
	*n_out = got;
	return r;
}

bool copy_keeps(struct queue *q, const char *id)
{
	struct queue_copy *c = q->copy;
	struct kept *k;

	if (!c || c->nkept >= COPY_NAMES_MAX)
		return false;
	k = mem_alloc(1, sizeof(*k));
	snprintf(k->id, sizeof(k->id), "%s", id);
	STAILQ_INSERT_TAIL(&c->kept, k, link);
	c->nkept++;
	return true;
}

void copy_end(struct queue *q, const void *who)
{
	struct queue_copy *c = q->copy;
	struct kept *k;

	if (!c || (who && c->who != who))
		return;
	q->copy = NULL;
	while ((k = STAILQ_FIRST(&c->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->kept, link);
		(void)file_unlink(q->spool, k->id); /* a file without a row: recover.c */
		free(k);
	}
	pages_end(c);
	(void)file_unlink(AT_FDCWD, COPY_NAME);
	if (c->spool)
		closedir(c->spool);
	free(c);
}
