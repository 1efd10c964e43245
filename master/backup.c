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

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"

#define GROUP "_backup"
#define FILE_MAX ((size_t)1 << 20)
#define PACK_MAX ((size_t)64 << 20)

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

/* Which backup was last seen under which name: lines "ID PATH". */
#define KNOWN "backup"

static void add_known(struct master *m, struct ipc_msg *msg)
{
	struct str rest, id;
	struct buf b;

	buf_init(&b, 8192);
	if (file_load(m->dir_settings, KNOWN, &b) == 0) {
		rest = buf_view(&b);
		id = str_cut(&rest, ' ');
		if (str_eq(str_cut(&rest, '\n'), m->set->conf->backup_folder))
			ipc_set(msg, "backup_id", id);
	}
	buf_done(&b);
}

void backup_known(struct master *m, struct str id)
{
	struct buf b;

	if (id.n != 16 || !str_is_ascii(id) || str_has_ctl(id))
		return;
	buf_init(&b, 8192);
	buf_fmt(&b, "%.*s %.*s\n", STRF(id), STRF(m->set->conf->backup_folder));
	if (b.err || file_replace(m->dir_settings, KNOWN, buf_view(&b), 0600) < 0)
		trace_event(TRACE_WARN, "backup-id", NULL, "settings/" KNOWN " cannot be written");
	buf_done(&b);
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
	add_known(m, msg);
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

/* Files of a folder of STATE that belong to the host as much as its settings: "acme/live.pem". */
static size_t add_state_files(struct ipc_msg *msg, int dir, const char *folder, int *fd_out, size_t n)
{
	int top = file_open_dir(dir, "."), fd;
	DIR *d = top < 0 ? NULL : fdopendir(top);
	struct dirent *e;
	char path[300];
	struct buf b;

	while (d && n < BACKUP_FILES && (e = readdir(d))) {
		fd = e->d_name[0] == '.' || file_is_tmp(e->d_name) ? -1 :
			file_open(dir, e->d_name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		buf_init(&b, FILE_MAX);
		if (fd >= 0 && file_read_all(fd, &b) == 0) {
			close(fd);
			fd = settings_memory("file", &b);
			snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
			add(msg, n, path, 0600, fd);
			fd_out[n++] = fd;
		} else if (fd >= 0) {
			close(fd);
		}
		buf_wipe(&b);
	}
	if (d)
		closedir(d);
	return n;
}

/* --- many small files as one -------------------------------------------------------- */

/* "PATH SIZE\n" and so many bytes, one behind the other. Folders within `depth` are gone through, whatever a domain is
 * called; what a crash left of a file is passed over, and so is what is no plain file or too large, with a word in the log. */
static void pack_folder(int dir, const char *path, int depth, struct buf *out)
{
	int top = file_open_dir(dir, "."), fd;
	DIR *d = top < 0 ? NULL : fdopendir(top);
	struct dirent *e;
	char name[600];
	struct buf b;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || str_has_ctl(str_of(e->d_name)) || strchr(e->d_name, ' '))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		fd = depth > 0 ? file_open_dir(dir, e->d_name) : -1;
		if (fd >= 0) {
			pack_folder(fd, name, depth - 1, out);
			close(fd);
			continue;
		}
		if (file_is_tmp(e->d_name) || (strcmp(path, "settings") == 0 && strcmp(e->d_name, KNOWN) == 0))
			continue;
		fd = file_open(dir, e->d_name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		buf_init(&b, FILE_MAX);
		if (fd >= 0 && file_read_all(fd, &b) == 0 && out->n + b.n + sizeof(name) < PACK_MAX) {
			buf_fmt(out, "%s %zu\n", name, b.n);
			buf_str(out, buf_view(&b));
		} else {
			trace_event(TRACE_ERROR, "backup-file", NULL, "%s is not in the backup", name);
		}
		fd_close(&fd);
		buf_wipe(&b);
	}
	if (d)
		closedir(d);
}

/* The keys that sign mail, and the history of the settings: their number knows no bound. */
static size_t add_pack(struct master *m, struct ipc_msg *msg, int *fd_out, size_t n)
{
	struct buf pack;
	int fd;

	buf_init(&pack, PACK_MAX);
	pack_folder(m->dir_dkim, "dkim", 1, &pack);
	pack_folder(m->dir_settings, "settings", 0, &pack);
	fd = pack.n && !pack.err ? settings_memory("pack", &pack) : -1;
	buf_wipe(&pack);
	if (fd < 0)
		return n;
	ipc_add_fd(msg, "pack", fd_out[n] = fd);
	return n + 1;
}

/* --- what the settings name ------------------------------------------------------------ */

static size_t add_text(struct master *m, struct ipc_msg *msg, struct str name, const struct buf *text, unsigned mode,
	int *fd_out, size_t n)
{
	struct arena a;
	int fd = name.n && n < BACKUP_FILES ? settings_memory("file", text) : -1;

	if (fd < 0)
		return n;
	arena_init(&a);
	add(msg, n, settings_path(&a, m->config, name), mode, fd);
	arena_done(&a);
	fd_out[n] = fd;
	return n + 1;
}

/* One that is not in use was not read, and is empty. */
static size_t add_named(struct master *m, struct ipc_msg *msg, struct str name, const struct buf *text, unsigned mode,
	int *fd_out, size_t n)
{
	return text->n ? add_text(m, msg, name, text, mode, fd_out, n) : n;
}

/* Passwords, whom to trust, rules. */
static size_t add_secrets(struct master *m, struct ipc_msg *msg, int *fd_out, size_t n)
{
	const struct settings *s = m->set;
	const struct conf *c = s->conf;

	n = add_named(m, msg, c->send_smarthost_password_file, &s->password, 0600, fd_out, n);
	n = add_named(m, msg, c->acme_eab_key_file, &s->acme_eab, 0600, fd_out, n);
	n = add_named(m, msg, c->webhook_secret_file, &s->hook_secret, 0600, fd_out, n);
	n = add_named(m, msg, c->ldap_bind_password_file, &s->ldap_password, 0600, fd_out, n);
	n = add_named(m, msg, c->ldap_ca_file, &s->ldap_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->pgsql_password_file, &s->pgsql_password, 0600, fd_out, n);
	n = add_named(m, msg, c->pgsql_ca_file, &s->pgsql_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->oldserver_ca_file, &s->oldserver_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->oauth_client_secret_file, &s->oauth_secret, 0600, fd_out, n);
	n = add_named(m, msg, c->oauth_ca_file, &s->oauth_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->oauth_jwks_file, &s->oauth_keys, 0644, fd_out, n);
	n = add_named(m, msg, c->kerberos_keytab, &s->keytab, 0600, fd_out, n);
	n = add_named(m, msg, c->auth_client_ca, &s->client_ca, 0644, fd_out, n);
	n = add_named(m, msg, c->auth_client_crl, &s->client_crl, 0644, fd_out, n);
	n = add_named(m, msg, c->send_smarthost_ca, &s->trust, 0644, fd_out, n);
	n = add_named(m, msg, c->acme_ca_file, &s->acme_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->webhook_ca_file, &s->hook_trust, 0644, fd_out, n);
	n = add_named(m, msg, c->sts_ca, &s->sts_trust, 0644, fd_out, n);
	n = add_text(m, msg, c->smtp_access_file, &s->access, 0644, fd_out, n);
	n = add_text(m, msg, c->smtp_rewrite_file, &s->rewrite, 0644, fd_out, n);
	return add_named(m, msg, c->import_ca, &s->import_trust, 0644, fd_out, n);
}

/* The settings file is the first. Paths as the settings name them, from the root; what lies in the
 * state folder by its path there. */
size_t backup_add_files(struct master *m, struct ipc_msg *msg, int *fd_out)
{
	const struct settings *s = m->set;
	const struct conf *c = s->conf;
	size_t n = 0, i;
	int fd;

	fd = settings_memory("settings", &s->file);
	if (fd >= 0) {
		add(msg, n, m->config, 0644, fd);
		fd_out[n++] = fd;
	}
	for (i = 0; i < s->ncerts && i < c->tls_certificates.n; i++) {
		n = add_named(m, msg, c->tls_certificates.v[i], &s->chain[i], 0644, fd_out, n);
		n = add_named(m, msg, c->tls_keys.v[i], &s->key[i], 0600, fd_out, n);
	}
	n = add_secrets(m, msg, fd_out, n);
	n = add_state_files(msg, m->dir_tls, "tls", fd_out, n);
	n = add_state_files(msg, m->dir_secrets, "secrets", fd_out, n);
	n = add_state_files(msg, m->dir_acme, "acme", fd_out, n);
	return add_pack(m, msg, fd_out, n);
}
