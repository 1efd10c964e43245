/* SPDX-License-Identifier: ISC
 *
 * shared_key.c: the key that shared secrets of accounts are sealed with (auth/shared_secret.h):
 * secrets/shared-secret.key in the state folder, made once, read by root alone, in every backup. authd gets it as
 * memory; in its database there is nothing that opens them.
 *
 * A file that is there is never written over: it may be what opens all that is stored.
 */
#include "base/codec.h"
#include "base/file.h"
#include "base/rand.h"
#include "master/master.h"
#include "trace/trace.h"

#define NAME "shared-secret.key"
#define KEY 32

static int make(struct master *m, struct buf *out)
{
	unsigned char key[KEY];
	int r;

	rand_bytes(key, sizeof(key));
	hex_encode(str_make(key, sizeof(key)), out);
	buf_c(out, '\n');
	explicit_bzero(key, sizeof(key));
	r = file_replace(m->dir_secrets, NAME, buf_view(out), 0600);
	if (r < 0)
		buf_reset(out);
	return r;
}

size_t shared_key_add(struct master *m, struct ipc_msg *msg, int *fd_out)
{
	struct buf key;
	size_t n = 0;
	int r;

	buf_init(&key, 2 * KEY + 1);
	r = file_load(m->dir_secrets, NAME, &key);
	if (r == -ENOENT)
		r = make(m, &key);
	if (r < 0) /* without it nobody logs in by CRAM-MD5 and APOP */
		trace_event(TRACE_ERROR, "shared-secret-key", NULL, "secrets/" NAME ": %s", err_text(r));
	else if ((*fd_out = settings_memory("shared-secret.key", &key)) >= 0)
		ipc_add_fd(msg, NAME, fd_out[n++]);
	buf_wipe(&key);
	return n;
}
