/* SPDX-License-Identifier: ISC
 *
 * signd.c: the process (see signd.h): links, the loop.
 *
 * Order of the start: the folder of keys, the cryptographic library (which reads its settings while it
 * may), then the sandbox: files beneath the folder, no network, no further process; then the keys
 * are listed and "ready" is said. Messages come as descriptors, read only.
 */
#include "smtp/sign/signd.h"

#include <poll.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "trace/trace.h"

#define TURN_MS 1000
#define READS 32 /* messages of one link a turn */
#define TASKS 500 /* messages at once; the askers wait with what is beyond */

static struct signd signd;

void signd_drop(struct signd *d, size_t asker)
{
	fd_close(&d->asker[asker].fd);
}

static void add(struct signd *d, int fd, bool signs)
{
	size_t i;

	for (i = 0; i < SIGND_LINKS; i++)
		if (d->asker[i].fd < 0)
			break;
	if (i == SIGND_LINKS) {
		trace_event(TRACE_ERROR, "too-many-links", NULL, "signd");
		close(fd);
		return;
	}
	tasks_drop(d, i); /* of who had the place before */
	fd_nonblock(fd, true);
	d->asker[i] = (struct asker){ fd, signs };
}

/* --- questions --------------------------------------------------------------------------- */

static int give_link(struct signd *d, size_t i, struct ipc_msg *m)
{
	struct ipc_msg out;
	int pair[2], r;

	if (ipc_pair(pair) < 0)
		return E_PEER;
	ipc_init(&out, "link");
	ipc_set(&out, "id", ipc_get(m, "id"));
	ipc_add_fd(&out, "link", pair[1]);
	r = ipc_send(d->asker[i].fd, &out);
	ipc_done(&out);
	close(pair[1]);
	add(d, pair[0], false);
	return r;
}

static int give_records(struct signd *d, size_t i, struct ipc_msg *m)
{
	const struct sign_domain *of = keys_domain(&d->keys, ipc_get(m, "domain")), *above = keys_for(&d->keys, ipc_get(m, "domain"));
	const struct sign_key *x;
	struct ipc_msg out;
	int r;

	ipc_init(&out, "records");
	ipc_set(&out, "id", ipc_get(m, "id"));
	of = of ? of : above; /* mail of a domain without keys is signed by the one above it */
	for (x = of ? of->first : NULL; x; x = x->next) {
		ipc_setc(&out, "name", arena_fmt(&out.arena, "%s._domainkey.%s", x->selector, of->name));
		ipc_setc(&out, "value", x->record);
		ipc_setc(&out, "state", key_state_name(x->state));
	}
	r = ipc_send(d->asker[i].fd, &out);
	ipc_done(&out);
	return r;
}

static int question(struct signd *d, size_t i, struct ipc_msg *m)
{
	if (d->asker[i].signs)
		return ipc_is(m, "sign") || ipc_is(m, "seal") ? task_add(d, i, m) : E_PEER;
	if (ipc_is(m, "records"))
		return give_records(d, i, m);
	return ipc_is(m, "link") ? give_link(d, i, m) : E_PEER;
}

static void readable(struct signd *d, size_t i)
{
	struct ipc_msg m;
	int r = 0, n;

	for (n = 0; n < READS && r == 0 && d->asker[i].fd >= 0; n++) {
		r = ipc_try_recv(d->asker[i].fd, &m);
		if (r == 0)
			r = question(d, i, &m);
		ipc_done(&m);
	}
	if (r == 0 || r == -EAGAIN || r == -EINTR)
		return;
	if (r == E_PEER)
		trace_event(TRACE_ERROR, "peer-dropped", NULL, "%s sent a malformed message", d->asker[i].signs ? "sender" : "checkd");
	signd_drop(d, i);
}

static void resolver_readable(struct signd *d)
{
	struct ipc_msg m;
	int r = ipc_try_recv(d->resolver, &m);

	if (r == 0 && !tasks_answer(d, &m))
		publish_answer(d, &m);
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		fd_close(&d->resolver);
		tasks_answer(d, NULL);
	}
}

/* --- master's wishes --------------------------------------------------------------------- */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct signd *d = p->data;

	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0)
		trace_open(fd, "signd");
	else if (strcmp(name, "resolverd") == 0) {
		fd_close(&d->resolver);
		tasks_answer(d, NULL);
		d->question = 0;
		d->resolver = fd;
	} else if (strcmp(name, "authd") == 0) {
		fd_close(&d->authd);
		d->authd = fd;
	} else
		close(fd);
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	(void)instance;
	if (strcmp(name, "sender") == 0 || strcmp(name, "checkd") == 0)
		add(p->data, fd, name[0] == 's');
	else
		close(fd);
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	struct signd *d = p->data;

	(void)m, (void)old;
	trace_least(p->conf->log_level);
	d->due = true;
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	verbs_control(p->data, m);
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client, .reload = on_reload, .control = on_control };

/* --- the loop ---------------------------------------------------------------------------------- */

static void work(struct signd *d)
{
	const struct conf *c = d->program.conf;

	tasks_work(d);
	publish_tick(d);
	if (!deadline_passed(d->turn_at))
		return;
	d->turn_at = deadline_in(TURN_MS);
	keys_turn(&d->keys, clock_unix(), c->dkim_overlap / 1000, c->dkim_retire / 1000);
}

static int idle_ms(const struct signd *d)
{
	return d->question || d->resolver < 0 ? TURN_MS : (int)MIN(deadline_left(d->look_at), (int)TURN_MS);
}

static int wait_ms(const struct signd *d)
{
	deadline until;
	int64_t left;

	if (!tasks_idle(d, &until))
		return 0;
	left = until == DEADLINE_NEVER ? TURN_MS : MAX(deadline_left(until) + 1, (int64_t)0);
	return (int)MIN(left, (int64_t)idle_ms(d));
}

static void turn(struct signd *d)
{
	struct pollfd pfd[SIGND_LINKS + 2];
	size_t who[SIGND_LINKS + 2], n = 0, i;

	pfd[n++] = (struct pollfd){ d->program.control, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ d->resolver, POLLIN, 0 }; /* -1 is passed over */
	for (i = 0; i < SIGND_LINKS; i++) {
		if (d->asker[i].fd < 0 || (d->asker[i].signs && d->ntasks >= TASKS))
			continue;
		who[n] = i;
		pfd[n++] = (struct pollfd){ d->asker[i].fd, POLLIN, 0 };
	}
	if (poll(pfd, n, wait_ms(d)) > 0) {
		for (i = 2; i < n; i++)
			if (pfd[i].revents)
				readable(d, who[i]);
		if (pfd[1].revents)
			resolver_readable(d);
		if (pfd[0].revents)
			program_dispatch(&d->program);
	}
	work(d);
}

static NORETURN void cannot(const char *what)
{
	fprintf(stderr, "mansio signd: %s\n", what);
	exit(EX_OSERR);
}

static void enter_sandbox(const struct signd *d, int dir)
{
	const struct sandbox_rule rule = { dir, SANDBOX_READ | SANDBOX_WRITE };
	struct dkim_key *warm = dkim_key_new(DKIM_ED25519);
	bool landlock = false;

	dkim_key_free(warm);
	sandbox_log_only(d->program.conf->server_sandbox == CONF_SANDBOX_LOG);
	if (!warm || sandbox_prepare(SANDBOX_SIGND) < 0 || sandbox_enter(SANDBOX_SIGND, &rule, 1, &landlock) < 0)
		cannot("the kernel refuses the sandbox");
}

int main(int argc, char **argv)
{
	struct signd *d = &signd;
	size_t i;
	int dir;

	program_start(&d->program, "signd", &ops, argc, argv);
	d->program.data = d;
	d->resolver = d->authd = -1;
	d->last = &d->tasks;
	for (i = 0; i < SIGND_LINKS; i++)
		d->asker[i].fd = -1;
	trace_open(-1, "signd");
	dir = ipc_take_fd(&d->program.start, "dir");
	if (dir < 0)
		cannot("no folder for the keys");
	enter_sandbox(d, dir);
	keys_open(&d->keys, dir);
	d->look_at = d->turn_at = deadline_in(0);
	program_ready(&d->program);
	for (;;)
		turn(d);
}
