/* SPDX-License-Identifier: ISC
 *
 * lmtpd.c: the delivery agent's parent: a zygote (conf/zygote.h) that turns each
 * connection, from our smtpd or from an LMTP socket, into a child that delivers
 * its next messages (session.h). It reads no byte of a stranger.
 *
 *   smtpd  --"lmtp"-.
 *   sender --"lmtp"-+
 *   socket --accept--+--> job --> child, with a link to authd and one to here
 *   child --"again"-'
 *   child --"queue"--> queued --"link"--> here --> child: a link of its own, for forwards;
 *   nobody waits for queued here (forward.c does)
 */
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/zygote.h"
#include "delivery/session.h"
#include "mail/charset.h"
#include "store/store.h"

#define KEEP_MAX 32
#define ASKED_MAX 1024

/* Children that wait for a link to queued: the last ones that asked. */
struct asked {
	uint64_t number;
	int child; /* instance of its link */
	char id[24]; /* of its question */
};

struct lmtpd {
	struct zygote z;
	const char *hostname;
	struct asked asked[ASKED_MAX];
	uint64_t nasked;
	int64_t may_serve; /* messages of one process */
};

/* As one user for all of it, what keeps a process out of other mailboxes is Landlock
 * alone, and that can be put on once only. */
static bool permissions_guard(struct ipc_msg *start)
{
	size_t i;

	for (i = 0; i < start->nfds; i++)
		if (str_eqc(start->fd_name[i], "mail") && start->fd[i] >= 0)
			return faccessat(start->fd[i], ".", X_OK, 0) < 0;
	return false;
}

/* In the child: the whole of its life. */
static void serve(struct zygote_child *c)
{
	const struct lmtpd *d = c->arg;
	struct session s = {
		.conf = c->conf,
		.hostname = d->hostname,
		.may_serve = d->may_serve,
		.authd = c->peer,
		.parent = c->parent,
	};

	session_init(&s, &c->job->m, ipc_take_fd(&c->job->m, "client"));
	session_run(&s);
	session_done(&s);
}

static bool may_ask(const struct zygote_link *from, const struct ipc_msg *m)
{
	return ((!strcmp(from->name, "smtpd") || !strcmp(from->name, "sender")) && ipc_is(m, "lmtp")) ||
		(!strcmp(from->name, "listen") && ipc_is(m, "accept")) ||
		(!strcmp(from->name, "child") && ipc_is(m, "again"));
}

/* fd: the link, -1: there is none. */
static void tell_child(const struct zygote_link *child, struct str id, int fd)
{
	struct ipc_msg m;

	ipc_init(&m, "queue");
	ipc_set(&m, "id", id);
	if (fd >= 0)
		ipc_add_fd(&m, "link", fd);
	ipc_try_send(child->fd, &m);
	ipc_done(&m);
}

/* A child wants a link to queued: the question goes there under a number of ours. */
static void ask_queue(struct zygote *z, const struct zygote_link *child, const struct ipc_msg *m)
{
	struct lmtpd *d = z->data;
	struct zygote_link *queue = zygote_link_find(z, "queued", 0);
	struct asked *a = &d->asked[d->nasked % ASKED_MAX];
	struct ipc_msg q;

	*a = (struct asked){ .number = d->nasked, .child = child->instance };
	snprintf(a->id, sizeof a->id, "%.*s", STRF(ipc_get(m, "id")));
	ipc_init(&q, "link");
	ipc_set_u64(&q, "id", d->nasked++);
	if (!queue || ipc_try_send(queue->fd, &q))
		tell_child(child, ipc_get(m, "id"), -1);
	ipc_done(&q);
}

/* queued's answer, to the child that asked, if it still lives. */
static int queue_answer(struct zygote *z, struct ipc_msg *m)
{
	const struct lmtpd *d = z->data;
	const struct zygote_link *child;
	const struct asked *a;
	uint64_t n;
	int fd;

	if (ipc_get_u64(m, "id", UINT64_MAX, &n))
		return E_PEER;
	a = &d->asked[n % ASKED_MAX];
	child = a->number == n ? zygote_link_find(z, "child", a->child) : NULL;
	if (!child)
		return 0;
	fd = ipc_take_fd(m, "link");
	tell_child(child, str_of(a->id), fd);
	fd_close(&fd);
	return 0;
}

static bool has_client(const struct ipc_msg *m)
{
	size_t i;

	for (i = 0; i < m->nfds; i++)
		if (str_eqc(m->fd_name[i], "client") && m->fd[i] >= 0)
			return true;
	return false;
}

/* As many as our smtpds and the sender may need. */
static uint64_t inside_children(const struct conf *conf)
{
	return (uint64_t)(conf->smtp_processes + conf->send_local_sessions);
}

/* Strangers' connections leave room for those. */
static bool room_for(const struct zygote *z, const struct ipc_msg *m)
{
	uint64_t max = z->opt.max_children, reserve = inside_children(z->program.conf);
	bool inside = ipc_is(m, "lmtp") || ipc_get_bool(m, "inside");

	return zygote_load(z) < (inside ? max : max - MIN(reserve, max / 2));
}

/* When all children are busy the connection is closed: to smtpd that is a
 * temporary failure; the listening sockets are not read then (zygote.c). */
static int request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	struct lmtpd *d = z->data;
	struct zygote_job *j;
	char label[ZYGOTE_LABEL];
	int keep[KEEP_MAX];
	size_t n;

	if (!strcmp(from->name, "master"))
		return 0; /* no verbs here */
	if (!strcmp(from->name, "queued"))
		return queue_answer(z, m);
	if (!strcmp(from->name, "child") && ipc_is(m, "queue")) {
		ask_queue(z, from, m);
		return 0;
	}
	if (!may_ask(from, m) || !has_client(m))
		return E_PEER;
	snprintf(label, sizeof label, "lmtpd %.*s", (int)MIN(ipc_get(m, "session").n, 12),
		ipc_get(m, "session").p ? ipc_get(m, "session").p : "");
	j = room_for(z, m) ? zygote_job_new(z, from, m, label) : NULL;
	if (!j) {
		trace_event(TRACE_WARN, "busy", NULL, "%llu deliveries at once, another was refused",
			(unsigned long long)zygote_load(z));
		return 0;
	}
	n = store_rule_fds(keep, KEEP_MAX - 1);
	keep[n++] = trace_link();
	zygote_fork(z, j, ZYGOTE_PEER_LINK | ZYGOTE_PARENT_LINK, keep, n, serve, d);
	return 0;
}

/* Its client sees the connection close and tries again later. */
static void failed(struct zygote *z, struct zygote_job *j, int err)
{
	(void)z;
	trace_event(TRACE_WARN, "nochild", NULL, "%s: %s", j->label, err_text(err));
}

static void peer(struct zygote *z, const char *name, int fd)
{
	if (strcmp(name, "queued"))
		trace_peer(z, name, fd);
	else
		zygote_link_add(z, name, fd);
}

static const struct zygote_ops ops = {
	.request = request,
	.failed = failed,
	.peer = peer,
	.ended = trace_child_ended,
};

/* One message may need a key for each of its mailboxes at once. */
static void raise_descriptors(const struct conf *conf)
{
	struct rlimit lim;
	rlim_t want = (rlim_t)conf->delivery_mailboxes * 2 + 256;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= want)
		return;
	lim.rlim_cur = MIN(want, lim.rlim_max);
	setrlimit(RLIMIT_NOFILE, &lim);
}

static void take_listeners(struct zygote *z)
{
	char name[32];
	int i, fd;

	for (i = 0;; i++) {
		snprintf(name, sizeof name, "listen.lmtp.%d", i);
		fd = ipc_take_fd(&z->program.start, name);
		if (fd < 0)
			return;
		fd_nonblock(fd, true);
		snprintf(name, sizeof name, "lmtp.%d", i);
		if (zygote_listen(z, name, fd))
			fd_close(&fd);
	}
}

int main(int argc, char **argv)
{
	static struct lmtpd d;
	struct zygote_options opt = { 0 };
	const struct conf *conf;

	trace_open(-1, "lmtpd");
	zygote_start(&d.z, "lmtpd", &ops, argc, argv);
	d.z.data = &d;
	conf = d.z.program.conf;
	/* each smtpd may keep one for its next message */
	opt.max_children = MAX((uint64_t)conf->delivery_children, inside_children(conf));
	opt.renew_after = (uint64_t)conf->delivery_renew_after;
	zygote_init(&d.z, &opt);
	d.hostname = conf_hostname(conf);
	d.may_serve = permissions_guard(&d.z.program.start) ? conf->delivery_messages_per_process : 1;
	raise_descriptors(conf);
	charset_preload();
	store_prepare();
	take_listeners(&d.z);
	zygote_run(&d.z);
}
