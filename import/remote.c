/* SPDX-License-Identifier: ISC
 *
 * remote.c: files at the other end, by questions to the command:
 *
 *   open    path ... kind=file|folder      opened   descriptors "0" ..., or e0=ERRNO ...
 *   create  path ...                       opened   the same
 *   mkdir   path                           opened   e0
 *   touch   path ... date=UNIX ...         opened   e0 ...
 *   sync                                   opened   e0
 */
#include "import/job.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define REMOTE_MS 600000 /* the command may run on a slow disk */

static int ask(struct job *j, struct ipc_msg *question, struct ipc_msg *answer)
{
	int err = ipc_send(j->reply, question);

	ipc_done(question);
	if (!err)
		err = ipc_recv_until(j->reply, answer, deadline_in(REMOTE_MS));
	if (!err && !ipc_is(answer, "opened")) {
		ipc_done(answer);
		err = E_PEER;
	}
	return err == E_CLOSED ? job_fail(j, err, "the command was given up") : err;
}

static int ask_files(struct job *j, struct ipc_msg *q, size_t n, int *fd_out)
{
	struct ipc_msg answer;
	char name[24];
	uint64_t e;
	size_t i;
	int err = ask(j, q, &answer);

	if (err)
		return err;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		fd_out[i] = ipc_take_fd(&answer, name);
		snprintf(name, sizeof(name), "e%zu", i);
		if (fd_out[i] < 0)
			fd_out[i] = ipc_get_u64(&answer, name, 4096, &e) == 0 && e ? -(int)e : E_SYNTAX;
	}
	ipc_done(&answer);
	return 0;
}

static void add_paths(struct ipc_msg *q, const struct str *path, size_t n)
{
	size_t i;

	BUG_ON(n > JOB_FILES);
	for (i = 0; i < n; i++)
		ipc_set(q, "path", path[i]);
}

int remote_open(struct job *j, const struct str *path, size_t n, bool folders, int *fd_out)
{
	struct ipc_msg q;

	ipc_init(&q, "open");
	ipc_setc(&q, "kind", folders ? "folder" : "file");
	add_paths(&q, path, n);
	return ask_files(j, &q, n, fd_out);
}

int remote_create(struct job *j, const struct str *path, size_t n, int *fd_out)
{
	struct ipc_msg q;

	ipc_init(&q, "create");
	add_paths(&q, path, n);
	return ask_files(j, &q, n, fd_out);
}

static int ask_plain(struct job *j, struct ipc_msg *q)
{
	struct ipc_msg answer;
	uint64_t e;
	int err = ask(j, q, &answer);

	if (err)
		return err;
	err = ipc_get_u64(&answer, "e0", 4096, &e) == 0 && e ? -(int)e : 0;
	ipc_done(&answer);
	return err;
}

int remote_touch(struct job *j, const struct str *path, const int64_t *date, size_t n)
{
	struct ipc_msg q;
	size_t i;

	ipc_init(&q, "touch");
	add_paths(&q, path, n);
	for (i = 0; i < n; i++)
		ipc_set_u64(&q, "date", (uint64_t)MAX(date[i], 0));
	return ask_plain(j, &q);
}

int remote_mkdir(struct job *j, struct str path)
{
	struct ipc_msg q;

	ipc_init(&q, "mkdir");
	add_paths(&q, &path, 1);
	return ask_plain(j, &q);
}

int remote_sync(struct job *j)
{
	struct ipc_msg q;

	ipc_init(&q, "sync");
	return ask_plain(j, &q);
}

int remote_load(struct job *j, struct str path, struct buf *out)
{
	int fd, err = remote_open(j, &path, 1, false, &fd);

	if (err)
		return err;
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? E_NOTFOUND : fd;
	err = file_read_all(fd, out);
	close(fd);
	return err;
}
