/* SPDX-License-Identifier: ISC
 *
 * state.c: the state folder.
 *
 *     STATE/            root 0711   (in a try-out: the user's)
 *     STATE/directory/  _auth 0700  authd's database
 *     STATE/mail/       _auth 0700  the mailboxes
 *     STATE/spool/      _queue 0700 queued messages, a file each
 *     STATE/queue/      _queue 0700 queued's database
 *     STATE/trace/      _trace 0700 traced's database and statistics
 *     STATE/hooks/      _hook 0700  records of attempts, events for webhooks
 *     STATE/dkim/       _sign 0700  keys that sign mail, a folder a domain: smtp/sign/keys.h
 *     STATE/acme/       _acme 0700  account, key and certificate from the authority
 *     STATE/tls/        root 0700   the self-signed certificate: certs.c
 *     STATE/settings/   root 0700   settings changed by command: history.c; the last good files of rules: tables.c
 *     STATE/run/        root 0711   control (0600), lmtp (0660), submit (0666), lock; config: path of the settings file
 *
 * One master per state folder: it holds an flock on run/lock, in which its
 * process id stands. A part that belongs to somebody else is an error that
 * names the fix; nothing that exists is given to another owner silently.
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "master/where.h"

static int complain(int code, const char *path, const char *why)
{
	fprintf(stderr, "mansio: %s: %s\n", path, why);
	return code;
}

/* A folder beneath STATE with its owner and mode; a descriptor or -1 (told). */
static int part(struct master *m, const char *name, mode_t mode, const struct ids *owner)
{
	const char *state = m->set->conf->server_state.p;
	struct stat st;
	bool made = mkdirat(m->dir_state, name, mode) == 0;
	int fd = openat(m->dir_state, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		goto fail;
	if (made && m->root && fchown(fd, owner->uid, owner->gid) < 0)
		goto fail;
	if (!made && m->root && (st.st_uid != owner->uid || st.st_gid != owner->gid)) {
		fprintf(stderr, "mansio: %s/%s belongs to user %u, group %u; this suite needs %u, %u.\n"
			"It was made by another kind of start. To take it over: chown -R %u:%u %s/%s\n",
			state, name, st.st_uid, st.st_gid, owner->uid, owner->gid, owner->uid, owner->gid, state,
			name);
		close(fd);
		return -1;
	}
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		goto fail;
	return fd;
fail:
	fprintf(stderr, "mansio: %s/%s: %s\n", state, name, err_text(-errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_top(struct master *m)
{
	const char *path = m->set->conf->server_state.p;
	struct stat st;

	if (mkdir(path, 0711) == 0 && chmod(path, 0711) < 0)
		return complain(EX_CANTCREAT, path, err_text(-errno));
	m->dir_state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir_state < 0 || fstat(m->dir_state, &st) < 0)
		return complain(EX_CANTCREAT, path, err_text(-errno));
	if (st.st_uid != geteuid())
		return complain(EX_NOPERM, path, "the state folder must belong to the user who starts the suite");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return complain(EX_NOPERM, path, "the state folder must not be writable by others: chmod go-w");
	return 0;
}

static int take_lock(struct master *m)
{
	char pid[32] = "";
	int fd = openat(m->dir_run, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return complain(EX_CANTCREAT, "run/lock", err_text(-errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		fprintf(stderr, "mansio: %s is in use by another 'mansio run', process %s\n",
			m->set->conf->server_state.p, pid);
		close(fd);
		return EX_UNAVAILABLE;
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return complain(EX_IOERR, "run/lock", err_text(-errno));
	m->lock = fd;
	return 0;
}

/* For the command, when it is told the folder alone (where.h). */
static int record_config(struct master *m)
{
	struct buf before, now;
	int r = 0;

	buf_init(&before, 4200);
	buf_init(&now, 4200);
	buf_fmt(&now, "%s\n", m->config);
	if (file_load(m->dir_run, WHERE_RECORD, &before) < 0 || !str_eq(buf_view(&before), buf_view(&now)))
		r = now.err < 0 ? now.err : file_replace(m->dir_run, WHERE_RECORD, buf_view(&now), 0644);
	buf_done(&before);
	buf_done(&now);
	return r < 0 ? complain(EX_CANTCREAT, "run/" WHERE_RECORD, err_text(r)) : 0;
}

int state_open(struct master *m)
{
	const struct ids top = { geteuid(), getegid(), 0, false };
	int code = open_top(m);

	if (code)
		return code;
	m->dir_run = part(m, "run", 0711, &top);
	m->dir_directory = part(m, "directory", 0700, &m->ids[PROGRAM_authd]);
	m->dir_mail = part(m, "mail", 0700, &m->ids[PROGRAM_authd]);
	m->dir_spool = part(m, "spool", 0700, &m->ids[PROGRAM_queued]);
	m->dir_queue = part(m, "queue", 0700, &m->ids[PROGRAM_queued]);
	m->dir_trace = part(m, "trace", 0700, &m->ids[PROGRAM_traced]);
	m->dir_settings = part(m, "settings", 0700, &top);
	m->dir_tls = part(m, "tls", 0700, &top);
	m->dir_hooks = part(m, "hooks", 0700, &m->ids[PROGRAM_hookd]);
	m->dir_policy = part(m, "policy", 0700, &m->ids[PROGRAM_policyd]);
	m->dir_secrets = part(m, "secrets", 0700, &top);
	m->dir_acme = part(m, "acme", 0700, &m->ids[PROGRAM_acmed]);
	m->dir_dkim = part(m, "dkim", 0700, &m->ids[PROGRAM_signd]);
	if (m->dir_secrets < 0 || m->dir_dkim < 0 || m->dir_hooks < 0 || m->dir_trace < 0 || m->dir_acme < 0 || m->dir_policy < 0 || m->dir_tls < 0 || m->dir_settings < 0 || m->dir_run < 0 || m->dir_directory < 0 || m->dir_mail < 0 || m->dir_spool < 0 || m->dir_queue < 0)
		return EX_CANTCREAT;
	code = take_lock(m);
	return code ? code : record_config(m);
}

/* The file is made here, for traced may not write in its folder. */
static int make_log(struct master *m, int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640), r = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (fchmod(fd, 0640) < 0 ||
	    (m->root && fchown(fd, m->ids[PROGRAM_traced].uid, m->ids[PROGRAM_traced].gid) < 0))
		r = -errno;
	close(fd);
	return r;
}

int state_log_dir(struct master *m)
{
	const struct conf *c = m->set->conf;
	struct arena a;
	char *path, *slash;
	int fd = -EINVAL, r;

	arena_init(&a);
	path = c->log_file.p[0] == '/' ? arena_cstr(&a, c->log_file) :
		arena_fmt(&a, "%s/%s", c->server_state.p, c->log_file.p);
	slash = strrchr(path, '/');
	if (!slash || slash == path || !slash[1])
		goto out;
	*slash = '\0';
	if (mkdir(path, 0750) == 0 && m->root &&
	    chown(path, m->ids[PROGRAM_traced].uid, m->ids[PROGRAM_traced].gid) < 0)
		fprintf(stderr, "mansio: %s: %s\n", path, err_text(-errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
		goto out;
	}
	r = make_log(m, fd, slash + 1);
	if (r < 0) {
		close(fd);
		fd = r;
	}
out:
	arena_done(&a);
	return fd;
}
