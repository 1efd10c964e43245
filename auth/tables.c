/* SPDX-License-Identifier: ISC
 *
 * tables.c: see tables.h.
 */
#include "auth/tables.h"

#include <fcntl.h>

#include "base/file.h"

static const char *const names[TABLES] = { "rules", "keys", "client_ca", "keytab" };

struct tables tables_take(struct ipc_msg *m)
{
	struct tables t;
	size_t i;

	for (i = 0; i < TABLES; i++)
		t.fd[i] = ipc_take_fd(m, names[i]);
	return t;
}

void tables_add(const struct tables *t, struct ipc_msg *m)
{
	size_t i;

	for (i = 0; i < TABLES; i++)
		if (t->fd[i] >= 0)
			ipc_add_fd(m, names[i], t->fd[i]);
}

void tables_add_own(const struct tables *t, struct ipc_msg *m)
{
	size_t i;

	m->owns_fds = true;
	for (i = 0; i < TABLES; i++)
		if (t->fd[i] >= 0)
			ipc_add_fd(m, names[i], fcntl(t->fd[i], F_DUPFD_CLOEXEC, 3));
}

void tables_close(struct tables *t)
{
	size_t i;

	for (i = 0; i < TABLES; i++)
		fd_close(&t->fd[i]);
}
