/* SPDX-License-Identifier: ISC
 *
 * kerberos.c: the keys that tickets are opened with, [kerberos] keytab, for authd's workers.
 *
 * master reads the file at a start and at each reload; a child without any right looks whether it is a keytab, with keys of a
 * service of ours. If not, that is an error of the settings: the keys of before stay.
 */
#include "master/master.h"

#include <fcntl.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "conf/edit.h"

static int check(struct str text, const void *arg, struct buf *why)
{
	(void)arg;
	return auth_keytab_check(text, why);
}

void settings_load_keytab(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;
	struct buf why;
	char *path;
	int fd, r;

	buf_init(&s->keytab, AUTH_KEYTAB_MAX);
	if (c->kerberos_keytab.n == 0)
		return;
	path = settings_path(&c->arena, config, c->kerberos_keytab);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : file_read_all(fd, &s->keytab);
	fd_close(&fd);
	buf_init(&why, 1024);
	if (r < 0)
		buf_puts(&why, err_text(r));
	else
		settings_usable(check, buf_view(&s->keytab), NULL, &why);
	if (why.n > 0)
		buf_fmt(errors, "%s:%u: [kerberos] keytab: %s: %s\n", config, conf_edit_line(buf_view(&s->file), "kerberos", "keytab"), path,
			buf_cstr(&why));
	buf_done(&why);
}

size_t settings_add_keytab(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	int fd = s->keytab.n ? settings_memory("keytab", &s->keytab) : -1;

	if (fd < 0)
		return 0;
	ipc_add_fd(m, "keytab", fd_out[0] = fd);
	return 1;
}
