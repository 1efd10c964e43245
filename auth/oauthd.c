/* SPDX-License-Identifier: ISC
 *
 * oauthd.c: main, loop and links (see oauthd.h). A fresh process comes after each reload.
 */
#include "auth/oauthd.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/rand.h"
#include "base/sandbox.h"
#include "net/url.h"
#include "trace/trace.h"

#define TRUST_MAX (4 * 1024 * 1024)
#define SECRET_MAX 4096
#define MESSAGES 64 /* of authd in one turn */
#define QUIET_MS 60000
#define IDLE_MS 60000
#define FIXED 3 /* descriptors of turn() before those of askers */

static struct oauthd oauthd;

void oauthd_answer(struct oauthd *o, struct ids *ids, const char *result, const char *claims)
{
	struct ipc_msg m;
	size_t i;

	for (i = 0; i < ids->n && o->authd >= 0; i++) {
		ipc_init(&m, "answer");
		ipc_set_u64(&m, "id", ids->v[i]);
		ipc_setc(&m, "of", o->of);
		ipc_setc(&m, "result", result);
		ipc_setc(&m, "claims", claims);
		(void)ipc_try_send(o->authd, &m); /* full: authd gives the login up at its time */
		ipc_done(&m);
	}
	ids->n = 0;
}

void oauthd_failed(struct oauthd *o, const char *what, struct str words)
{
	if (o->quiet && !deadline_passed(o->quiet) && str_eqc(words, o->told))
		return;
	o->quiet = deadline_in(QUIET_MS);
	snprintf(o->told, sizeof o->told, "%.*s", STRF(words));
	trace_event(TRACE_WARN, "oauth-failed", NULL, "%s: %.*s", what, STRF(words));
}

/* --- links ------------------------------------------------------------------------------ */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct oauthd *o = p->data;

	if (strcmp(name, "traced") == 0) {
		trace_least(p->conf->log_level);
		trace_open(fd, p->name);
	} else if (strcmp(name, "resolverd") == 0) {
		fd_close(&o->resolver);
		o->resolver = fd;
		askers_renew(o);
	} else {
		close(fd);
	}
}

/* What another authd asked nobody waits for; this one asks again. */
static void on_client(struct program *p, const char *name, int instance, int fd)
{
	struct oauthd *o = p->data;
	struct token *t;

	(void)instance;
	if (strcmp(name, "authd") != 0) {
		close(fd);
		return;
	}
	fd_close(&o->authd);
	fd_nonblock(fd, true);
	o->authd = fd;
	o->keys.ids.n = 0;
	TAILQ_FOREACH (t, &o->waiting, link)
		t->ids.n = 0;
	TAILQ_FOREACH (t, &o->asked, link)
		t->ids.n = 0;
	keys_tell(o);
}

static void from_authd(struct oauthd *o)
{
	struct ipc_msg m;
	uint64_t id;
	int i, r = 0;

	for (i = 0; i < MESSAGES && r == 0; i++) {
		r = ipc_try_recv(o->authd, &m);
		if (r == 0 && ipc_is(&m, "tell"))
			keys_tell(o);
		else if (r == 0 && ipc_get_u64(&m, "id", UINT64_MAX, &id) < 0)
			r = E_PEER;
		else if (r == 0 && ipc_is(&m, "renew"))
			keys_renew(o, id);
		else if (r == 0 && ipc_is(&m, "introspect"))
			token_ask(o, id, ipc_get(&m, "network"), ipc_get(&m, "token"));
		else if (r == 0)
			r = E_PEER;
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&o->authd); /* master gives another */
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client };

/* --- the loop ------------------------------------------------------------------------------ */

static int wait_ms(const struct oauthd *o)
{
	const deadline next[] = { keys_next(o), tokens_next(o) };
	int ms = IDLE_MS;
	size_t i;

	for (i = 0; i < ARRAY_LEN(next); i++)
		if (next[i] != DEADLINE_NEVER)
			ms = MIN(ms, deadline_left(next[i]));
	for (i = 0; i < OAUTHD_ASKERS; i++)
		if (o->asker[i].link >= 0)
			ms = MIN(ms, deadline_left(o->asker[i].until));
	return ms;
}

static void turn(struct oauthd *o, int signals)
{
	struct pollfd pfd[FIXED + OAUTHD_ASKERS];
	struct signalfd_siginfo info;
	size_t i;
	int status;

	pfd[0] = (struct pollfd){ o->program.control, POLLIN, 0 };
	pfd[1] = (struct pollfd){ signals, POLLIN, 0 };
	pfd[2] = (struct pollfd){ o->authd, POLLIN, 0 }; /* -1 is passed over */
	for (i = 0; i < OAUTHD_ASKERS; i++)
		pfd[FIXED + i] = (struct pollfd){ o->asker[i].link, POLLIN, 0 };
	if (poll(pfd, ARRAY_LEN(pfd), wait_ms(o)) > 0) {
		for (i = 0; i < OAUTHD_ASKERS; i++)
			if (pfd[FIXED + i].revents)
				asker_readable(o, i);
		if (pfd[2].revents)
			from_authd(o);
		if (pfd[0].revents)
			program_dispatch(&o->program);
		if (pfd[1].revents)
			while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
				while (proc_reap(&status) > 0)
					; /* the end of its link is what counts */
	}
	askers_tick(o);
	tokens_tick(o);
	keys_tick(o);
}

/* --- main -------------------------------------------------------------------------------------- */

static NORETURN void cannot(const char *what)
{
	fprintf(stderr, "mansio oauthd: %s\n", what);
	exit(EX_OSERR);
}

static void load(struct oauthd *o, const char *name, size_t max, struct buf *out)
{
	int fd = ipc_take_fd(&o->program.start, name);

	buf_init(out, max);
	if (fd >= 0 && file_read_all(fd, out) < 0)
		cannot("no settings");
	fd_close(&fd);
}

/* The ports of the URLs in the settings, and 443, where the issuer's document may say that its keys are. */
static void enter_sandbox(const struct conf *c)
{
	const struct str url[] = { c->oauth_jwks, c->oauth_introspect, c->oauth_issuer };
	uint16_t port[ARRAY_LEN(url) + 1] = { 443 };
	char host[URL_HOST_MAX];
	size_t i, n = 1;

	for (i = 0; i < ARRAY_LEN(url) && conf_oauth_asks(c); i++)
		if (url_https(url[i], host, &port[n]) == 0)
			n++;
	sandbox_log_only(c->server_sandbox == CONF_SANDBOX_LOG);
	sandbox_connect_ports(port, n);
	if (sandbox_prepare(SANDBOX_CHECK) < 0 || sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL) < 0)
		cannot("the kernel refuses the sandbox");
}

int main(int argc, char **argv)
{
	static const int sig[] = { SIGCHLD, 0 };
	struct oauthd *o = &oauthd;
	int signals;
	size_t i;

	program_start(&o->program, "oauthd", &ops, argc, argv);
	o->program.data = o;
	o->conf = o->program.conf;
	conf_oauth_provider(o->conf, o->of);
	o->resolver = o->authd = -1;
	for (i = 0; i < OAUTHD_ASKERS; i++)
		o->asker[i].link = -1;
	trace_open(-1, o->program.name);
	load(o, "trust", TRUST_MAX, &o->trust);
	load(o, "secret", SECRET_MAX, &o->secret);
	rand_bytes(o->digest_key, sizeof o->digest_key);
	signals = proc_signal_fd(sig);
	if (signals < 0)
		cannot("no signals");
	if (conf_oauth_asks(o->conf))
		https_init();
	enter_sandbox(o->conf);
	keys_start(o);
	tokens_start(o);
	program_ready(&o->program);
	for (;;)
		turn(o, signals);
}
