/* SPDX-License-Identifier: ISC
 *
 * backup.c: what backupd needs of master: the folder, which only root may open, and
 * the files that belong to no process: settings, certificates, keys.
 *
 * backupd is locked into the folder that it was started with. A disk that is
 * mounted later, or another one in its place, is another folder of the same name: then
 * a new backupd is started before anything is done in it.
 */
#include "master/master.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"

#define GROUP "_backup"

/* Its last part is made if it is missing; what is above it is the admin's. */
static int open_folder(struct master *m, struct arena *a)
{
	const struct conf *c = m->set->conf;
	const char *path = c->backup_folder.p;
	struct group *gr = m->root ? getgrnam(GROUP) : NULL;
	int fd;

	if (path[0] != '/')
		path = arena_fmt(a, "%s/%s", c->server_state.p, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	if (mkdir(path, 0700) < 0)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* what is made in it belongs to the group, too */
	if (fd < 0 || (gr && fchown(fd, (uid_t)-1, gr->gr_gid) < 0) || (gr && fchmod(fd, 02770) < 0)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	return fd;
}

size_t backup_add_folder(struct master *m, struct proc *p, struct ipc_msg *msg, int *fd_out)
{
	struct arena a;
	struct stat st;
	int fd;

	p->folder_dev = 0;
	p->folder_ino = 0;
	if (!m->set->conf->backup_folder.n)
		return 0;
	arena_init(&a);
	fd = open_folder(m, &a);
	arena_done(&a);
	if (fd < 0 || fstat(fd, &st) < 0) {
		ipc_setc(msg, "folder_error", err_text(fd < 0 ? fd : -errno));
		return 0;
	}
	p->folder_dev = st.st_dev;
	p->folder_ino = st.st_ino;
	ipc_add_fd(msg, "folder", fd);
	*fd_out = fd;
	return 1;
}

bool backup_folder_moved(struct master *m, const struct proc *p)
{
	dev_t dev = 0;
	ino_t ino = 0;
	struct arena a;
	struct stat st;
	int fd;

	if (!m->set->conf->backup_folder.n)
		return false;
	arena_init(&a);
	fd = open_folder(m, &a);
	arena_done(&a);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		dev = st.st_dev;
		ino = st.st_ino;
	}
	if (fd >= 0)
		close(fd);
	return dev != p->folder_dev || ino != p->folder_ino;
}

static void add(struct ipc_msg *msg, size_t n, const char *path, unsigned mode, int fd)
{
	char name[24];

	snprintf(name, sizeof(name), "path.%zu", n);
	ipc_setc(msg, name, path);
	snprintf(name, sizeof(name), "mode.%zu", n);
	ipc_set_u64(msg, name, mode);
	snprintf(name, sizeof(name), "file.%zu", n);
	ipc_add_fd(msg, name, fd);
}

/* The settings file is the first. Paths as the settings name them, from the root. */
size_t backup_add_files(struct master *m, struct ipc_msg *msg, int *fd_out)
{
	const struct settings *s = m->set;
	const struct conf *c = s->conf;
	struct arena a;
	size_t n = 0, i;
	int fd;

	arena_init(&a);
	fd = settings_memory("settings", &s->file);
	if (fd >= 0) {
		add(msg, n, m->config, 0644, fd);
		fd_out[n++] = fd;
	}
	for (i = 0; i < s->ncerts; i++) {
		const struct buf *text[] = { &s->chain[i], &s->key[i] };
		const struct str *name[] = { &c->tls_certificates.v[i], &c->tls_keys.v[i] };
		size_t k;

		for (k = 0; k < 2; k++) {
			fd = text[k]->n ? settings_memory("file", text[k]) : -1;
			if (fd < 0)
				continue;
			add(msg, n, settings_path(&a, m->config, *name[k]), k ? 0600 : 0644, fd);
			fd_out[n++] = fd;
		}
	}
	arena_done(&a);
	return n;
}
