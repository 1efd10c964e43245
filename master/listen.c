/* SPDX-License-Identifier: ISC
 *
 * listen.c: the listening sockets. master binds them (ports below 1024 need
 * root) and keeps them, so that a front that dies loses no connection that
 * waits in them.
 *
 * With several fronts each has a socket of its own per address (SO_REUSEPORT:
 * the kernel spreads connections over them, and no front wakes for another's).
 * Because that option would also let a second suite of the same user bind the
 * same port silently, a bind without it is tried first.
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/value.h"

#define BACKLOG 511

static int bind_all(struct listener *l, size_t n)
{
	size_t i;
	int fd;

	if (n > 1) {
		fd = addr_listen(&l->addr, BACKLOG, false);
		if (fd < 0)
			return fd;
		close(fd);
	}
	l->fd = mem_alloc(n, sizeof(*l->fd));
	for (i = 0; i < n; i++) {
		fd = addr_listen(&l->addr, BACKLOG, n > 1);
		if (fd < 0)
			return fd;
		l->fd[l->nfds++] = fd;
	}
	return 0;
}

static void complain(const struct listener *l, struct str text, int err)
{
	char owner[80] = "";

	if (err == -EADDRINUSE)
		port_owner(&l->addr, owner);
	fprintf(stderr, "mansio: %.*s (%s): %s%s%s\n", STRF(text), l->service, err_text(err),
		owner[0] ? ": " : "", owner);
	if (err == -EACCES)
		fprintf(stderr, "mansio: ports below 1024 need root; a try-out takes others\n");
}

static int open_row(struct master *m, const struct conf_key *k, size_t count)
{
	const struct conf_list *list = conf_field_of(m->set->conf, k);
	int code = 0, r;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct listener *l = &m->listener[m->nlisteners];

		if (m->nlisteners == LISTEN_MAX) {
			fprintf(stderr, "mansio: [listen] has more than %d addresses\n", LISTEN_MAX);
			return EX_CONFIG;
		}
		*l = (struct listener){ .service = k->name };
		if (addr_parse_hostport(list->v[i], &l->addr) < 0)
			return EX_CONFIG;
		r = bind_all(l, count);
		if (r < 0) {
			complain(l, list->v[i], r);
			code = r == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
		}
		m->nlisteners++;
	}
	return code;
}

/* A unix socket in run/. lmtp: for root and group _mail, LMTP asks for no password; submit: for
 * everybody, the kernel says who it is. */
static int open_unix(struct master *m, const char *name, mode_t mode, gid_t group)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct listener *l = &m->listener[m->nlisteners++];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	*l = (struct listener){ .service = name, .fd = mem_alloc(1, sizeof(int)), .nfds = 1 };
	l->fd[0] = fd;
	if (fd < 0 || file_unlink(m->dir_run, name) < 0 || fchdir(m->dir_run) < 0 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod(name, mode) < 0 ||
	    (m->root && lchown(name, 0, group) < 0) || listen(fd, BACKLOG) < 0 || chdir("/") < 0) {
		fprintf(stderr, "mansio: run/%s: %s\n", name, err_text(-errno));
		return EX_CANTCREAT;
	}
	return 0;
}

static bool tls_only(const char *service)
{
	return strcmp(service, "submissions") == 0 || strcmp(service, "imaps") == 0 ||
		strcmp(service, "pop3s") == 0;
}

int listen_open(struct master *m)
{
	int code = open_unix(m, "lmtp", 0660, m->ids[PROGRAM_lmtpd].gid), r;
	size_t i;

	if (!code)
		code = open_unix(m, "submit", 0666, 0);
	if (code)
		return code;
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];
		const struct conf_list *list = conf_field_of(m->set->conf, k);

		if (strcmp(k->section, "listen") != 0 || list->n == 0)
			continue;
		if (tls_only(k->name) && m->set->ncerts == 0) {
			trace_event(TRACE_WARN, "not-served", NULL, "%s needs a certificate, and none could be made", k->name);
			continue;
		}
		r = open_row(m, k, strcmp(k->name, "lmtp") == 0 ? 1 : (size_t)m->cores);
		code = r ? r : code;
	}
	return code;
}

void listen_add(struct master *m, struct ipc_msg *msg, enum program_id id, int instance)
{
	char name[48];
	const char *service = "";
	size_t i, n = 0;

	for (i = 0; i < m->nlisteners; i++) {
		const struct listener *l = &m->listener[i];

		if ((strcmp(l->service, "lmtp") == 0) != (id == PROGRAM_lmtpd))
			continue;
		/* the listeners of a service stand together: run/lmtp is before [listen] lmtp */
		n = strcmp(service, l->service) == 0 ? n + 1 : 0;
		service = l->service;
		snprintf(name, sizeof(name), "listen.%s.%zu", service, n);
		ipc_add_fd(msg, name, l->fd[l->nfds > 1 ? instance : 0]);
	}
}
