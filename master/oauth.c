/* SPDX-License-Identifier: ISC
 *
 * oauth.c: the keys that access tokens are signed with, [oauth] jwks_file, for authd.
 *
 * master reads the file at a start and at each reload; a child without any right looks whether the keys in it can be used,
 * with the code that authd's workers will use. What cannot be used is an error of the settings: keys of before stay.
 */
#include "master/master.h"

#include <fcntl.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "base/proc.h"

#define KEYS_MAX (256 * 1024)
#define TRY_MS 10000

static NORETURN void try_child(settings_check_fn *check, struct str text, const void *arg, int out)
{
	struct buf why;

	if (proc_drop_rights() < 0)
		_exit(1);
	buf_init(&why, 1024);
	if (check(text, arg, &why) < 0) {
		file_write_all(out, why.p, why.n);
		_exit(1);
	}
	_exit(0);
}

bool settings_usable(settings_check_fn *check, struct str text, const void *arg, struct buf *why)
{
	int pipe_out = -1, status;
	pid_t pid = proc_piped(&pipe_out);

	if (pid == 0)
		try_child(check, text, arg, pipe_out);
	status = proc_collect(pid, pipe_out, TRY_MS, why);
	if (status != 0 && why->n == 0)
		buf_puts(why, "it cannot be used");
	return status == 0;
}

static int keys_check(struct str text, const void *arg, struct buf *why)
{
	(void)arg;
	return auth_keys_check(text, why);
}

void settings_load_oauth(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;
	struct buf why;
	char *path;
	int fd, r;

	buf_init(&s->oauth_keys, KEYS_MAX);
	if (c->oauth_jwks_file.n == 0)
		return;
	path = settings_path(&c->arena, config, c->oauth_jwks_file);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : file_read_all(fd, &s->oauth_keys);
	fd_close(&fd);
	buf_init(&why, 1024);
	if (r < 0)
		buf_fmt(errors, "%s: [oauth] jwks_file: %s: %s\n", config, path, err_text(r));
	else if (!settings_usable(keys_check, buf_view(&s->oauth_keys), NULL, &why))
		buf_fmt(errors, "%s: [oauth] jwks_file: %s: %s\n", config, path, buf_cstr(&why));
	buf_done(&why);
}
