/* SPDX-License-Identifier: ISC
 *
 * tables.c: see tables.h.
 */
#include "auth/tables.h"

#include <fcntl.h>

#include "base/file.h"

struct tables tables_take(struct ipc_msg *m)
{
	return (struct tables){ ipc_take_fd(m, "rules"), ipc_take_fd(m, "keys") };
}

void tables_add(const struct tables *t, struct ipc_msg *m)
{
	if (t->rules >= 0)
		ipc_add_fd(m, "rules", t->rules);
	if (t->keys >= 0)
		ipc_add_fd(m, "keys", t->keys);
}

void tables_add_own(const struct tables *t, struct ipc_msg *m)
{
	struct tables own = { t->rules >= 0 ? fcntl(t->rules, F_DUPFD_CLOEXEC, 3) : -1,
		t->keys >= 0 ? fcntl(t->keys, F_DUPFD_CLOEXEC, 3) : -1 };

	tables_add(&own, m);
	m->owns_fds = true;
}

void tables_close(struct tables *t)
{
	fd_close(&t->rules);
	fd_close(&t->keys);
}
