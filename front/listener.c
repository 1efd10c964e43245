/* SPDX-License-Identifier: ISC
 *
 * listener.c: accepts. A connection that finds no place - the total, or the
 * last descriptors - gets a short word in clear (none where TLS comes first)
 * and is closed. A few descriptors are kept in reserve: when even accept has
 * none, they are given up for the moment that it takes to refuse, so that the
 * backlog never stands still.
 */
#include "front/conn.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define ACCEPTS 64 /* in one go */
#define KEPT_FREE 64 /* descriptors that only open sessions may take */

static const struct service services[] = {
	{ "smtp", &smtp_dialogue, "smtp", "smtpd", false, false, false },
	{ "submission", &smtp_dialogue, "smtp", "smtpd", false, true, false },
	{ "submissions", &smtp_dialogue, "smtp", "smtpd", true, true, false },
	{ "submit", &smtp_dialogue, "smtp", "smtpd", false, false, true },
	{ "imap", &imap_dialogue, "imap", "imapd", false, false, false },
	{ "imaps", &imap_dialogue, "imap", "imapd", true, false, false },
	{ "pop3", &pop3_dialogue, "pop3", "pop3d", false, false, false },
	{ "pop3s", &pop3_dialogue, "pop3", "pop3d", true, false, false },
	{ "https", &https_dialogue, "http", "webadmind", true, false, false },
	{ "http", &http_dialogue, "http", "webadmind", false, false, false },
};

const struct service *service_find(struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(services); i++)
		if (str_eqc(name, services[i].name))
			return &services[i];
	return NULL;
}

static void spare_take(struct front *f)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(f->spare); i++)
		if (f->spare[i] < 0)
			f->spare[i] = dup(f->program.control);
}

static void spare_give(struct front *f)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(f->spare); i++)
		fd_close(&f->spare[i]);
}

void bye_say(const struct service *s, int fd, enum bye why)
{
	char line[160];
	int n;

	if (!s->tls_first) {
		n = snprintf(line, sizeof line, "%s\r\n", s->dialogue->bye[why]);
		if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
			shutdown(fd, SHUT_WR);
	}
	close(fd);
}

static void refuse(struct front *f, const struct service *s, int fd, const struct addr *peer)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_WARN, "limit");
	trace_s(&t, "limit", f->limits.total >= (size_t)f->conf->limit_connections ? "total" : "descriptors");
	trace_s(&t, "service", s->name);
	trace_s(&t, "peer", addr_text(peer, text));
	trace_end(&t);
	bye_say(s, fd, BYE_BUSY);
}

static bool is_proxy(const struct front *f, const struct addr *peer)
{
	const struct conf_list *list = &f->conf->server_proxy_from;
	struct addr_net net;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (addr_net_parse(list->v[i], &net) == 0 && addr_net_has(&net, peer))
			return true;
	return false;
}

static void accepted(struct listener *l, int fd, const struct addr *peer)
{
	struct front *f = l->front;
	struct sockaddr_storage ss;
	socklen_t n = sizeof ss;
	struct addr local = { 0 };
	bool proxied = is_proxy(f, peer);

	/* before anything is spent on it */
	if (!proxied && banlist_hit(f->bans, l->service, peer)) {
		banlist_refuse(f->bans, l->service, fd, f->conf);
		return;
	}
	if (fd >= f->fd_top ||
		limits_enter(&f->limits, (size_t)f->conf->limit_connections) != LIMITS_OK) {
		refuse(f, l->service, fd, peer);
		return;
	}
	if (getsockname(fd, (struct sockaddr *)&ss, &n) == 0)
		addr_of_sockaddr((struct sockaddr *)&ss, n, &local);
	conn_new(f, l->service, fd, peer, &local, proxied);
}

static void accept_event(evutil_socket_t listen_fd, short what, void *arg)
{
	struct listener *l = arg;
	int i, fd;

	(void)what;
	for (i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof ss;
		struct addr peer = { 0 };

		fd = accept4(listen_fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			spare_give(l->front);
			n = sizeof ss;
			fd = accept4(listen_fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
			if (fd >= 0) {
				addr_of_sockaddr((struct sockaddr *)&ss, n, &peer);
				refuse(l->front, l->service, fd, &peer);
			}
			spare_take(l->front);
			continue;
		}
		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0)
			return;
		addr_of_sockaddr((struct sockaddr *)&ss, n, &peer);
		accepted(l, fd, &peer);
	}
}

/* Soft limit up to the hard one; what lies above fd_top is kept free. */
static void descriptors(struct front *f)
{
	struct rlimit r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(f->spare); i++)
		f->spare[i] = -1;
	spare_take(f);
	f->fd_top = 1024 - KEPT_FREE;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	if (getrlimit(RLIMIT_NOFILE, &r) == 0)
		f->fd_top = (int)MIN(r.rlim_cur, (rlim_t)(1 << 30)) - KEPT_FREE;
}

/* listen.SERVICE.N descriptors of the start message. */
int listeners_open(struct front *f)
{
	struct ipc_msg *m = &f->program.start;
	int opened = 0;
	size_t i;

	descriptors(f);
	for (i = 0; i < m->nfds; i++) {
		struct str rest = m->fd_name[i];
		const struct service *s;
		struct listener *l;

		if (m->fd[i] < 0 || !str_eqc(str_cut(&rest, '.'), "listen"))
			continue;
		s = service_find(str_cut(&rest, '.'));
		if (!s)
			continue;
		l = mem_alloc(1, sizeof *l);
		l->fd = m->fd[i];
		m->fd[i] = -1;
		fd_nonblock(l->fd, true);
		l->front = f;
		l->service = s;
		l->next = f->listeners;
		f->listeners = l;
		event_assign(&l->ev, f->base, l->fd, EV_READ | EV_PERSIST, accept_event, l);
		event_add(&l->ev, NULL);
		opened++;
	}
	return opened;
}

void listeners_close(struct front *f)
{
	while (f->listeners) {
		struct listener *l = f->listeners;

		f->listeners = l->next;
		event_del(&l->ev);
		close(l->fd);
		free(l);
	}
}
