/* SPDX-License-Identifier: ISC
 *
 * spool.c: a message on its way to queued (contract in spool.h): the file comes
 * from there, is filled and made durable here, and goes back; the answer "ok"
 * is the promise that 250 stands on.
 */
#include "net/spool.h"

#include "base/file.h"

/* What the answer's result= means. */
static int result_of(const struct ipc_msg *answer, const char *verb)
{
	static const struct {
		const char *word;
		int err;
	} row[] = {
		{ "ok", 0 },
		{ "full", E_FULL },
		{ "busy", E_TEMP },
		{ "limit", E_LIMIT },
		{ "exists", E_EXISTS },
		{ "damaged", E_DAMAGED },
	};
	struct str result = ipc_get(answer, "result");
	size_t i;

	for (i = 0; ipc_is(answer, verb) && i < ARRAY_LEN(row); i++)
		if (str_eqc(result, row[i].word))
			return row[i].err;
	return E_PEER;
}

int spool_file(int link, int *fd_out, deadline d)
{
	struct ipc_msg question, answer;
	int fd, err;

	if (link < 0)
		return E_CLOSED;
	ipc_init(&question, "file");
	err = ipc_call(link, &question, &answer, d);
	if (!err) {
		fd = ipc_take_fd(&answer, "file");
		if (fd >= 0 && ipc_is(&answer, "file")) {
			*fd_out = fd;
		} else {
			err = result_of(&answer, "file");
			if (!err || fd >= 0)
				err = E_PEER;
			fd_close(&fd);
		}
	}
	ipc_done(&question);
	ipc_done(&answer);
	return err;
}

int spool_put(int link, int fd, struct str id, const struct str *piece, size_t npieces, deadline d)
{
	struct ipc_msg question, answer;
	size_t i;
	int err = 0;

	if (link < 0)
		return E_CLOSED;
	for (i = 0; !err && i < npieces; i++)
		err = file_write_all(fd, piece[i].p, piece[i].n);
	if (!err)
		err = file_fsync(fd);
	if (err) /* never repeated: the file is given up (base/file.h) */
		return err == -ENOSPC || err == -EDQUOT ? E_FULL : err;
	ipc_init(&question, "put");
	ipc_set(&question, "message", id);
	ipc_add_fd(&question, "file", fd);
	err = ipc_call(link, &question, &answer, d);
	if (!err)
		err = result_of(&answer, "put");
	ipc_done(&question);
	ipc_done(&answer);
	return err;
}
