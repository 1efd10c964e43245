/* SPDX-License-Identifier: ISC
 *
 * oauth_link.c: see oauth_link.h.
 *
 * Keys outlive oauthd, which is another one after each reload: they are good until the time that came with them. oauthd says
 * "keys" before it answers who waits for them, and the workers are told at once: a login that goes on finds them there.
 *
 * A reload reaches authd and oauthd at different times. What oauthd says names the provider that its settings had: of another
 * one nothing counts. Then the one that is right has to say it (again): it is asked after each reload, and when it comes.
 */
#include "auth/oauth_link.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/authd.h"
#include "auth/fair.h"
#include "auth/jwks.h"
#include "base/clock.h"
#include "base/file.h"
#include "conf/oauth.h"

#define MESSAGES 64 /* of oauthd in one turn */
#define WATCH_S 3600 /* the wall clock may be set meanwhile */

struct oauth_question {
	struct fair_job place; /* only counted: the turns are given by oauthd */
	struct ipc_msg m;
	uint64_t id;
	oauth_answer_fn *fn;
	void *arg;
};

static struct {
	int fd;
	struct event *readable;
	struct table questions; /* id -> question */
	struct fair places; /* of networks */
	uint64_t serial;
	int keys; /* memory; -1 */
	uint64_t until;
	struct event *old; /* at `until` */
} peer = { .fd = -1, .keys = -1 };

static struct str key_of(const uint64_t *id)
{
	return str_make(id, sizeof(*id));
}

/* --- questions --------------------------------------------------------------------- */

struct oauth_question *oauth_ask(const char *verb, struct str network, struct str token, oauth_answer_fn *fn, void *arg)
{
	const struct conf *c = authd.program.conf;
	struct oauth_question *q;

	if (!peer.questions.bucket) {
		table_init(&peer.questions);
		fair_init(&peer.places);
	}
	if (peer.questions.n >= (size_t)c->oauth_waiting || fair_waiting(&peer.places, network) >= (size_t)c->oauth_waiting_per_network)
		return NULL;
	q = mem_alloc(1, sizeof(*q));
	q->id = ++peer.serial;
	q->fn = fn;
	q->arg = arg;
	ipc_init(&q->m, verb);
	ipc_set_u64(&q->m, "id", q->id);
	ipc_set(&q->m, "network", network);
	if (token.p)
		ipc_set(&q->m, "token", token);
	table_set(&peer.questions, key_of(&q->id), q);
	fair_add(&peer.places, network, &q->place);
	if (peer.fd >= 0)
		(void)ipc_try_send(peer.fd, &q->m); /* full: its login ends at its time */
	return q;
}

void oauth_forget(struct oauth_question *q)
{
	table_remove(&peer.questions, key_of(&q->id));
	fair_remove(&peer.places, &q->place);
	ipc_done(&q->m);
	free(q);
}

static void answered(const struct ipc_msg *m)
{
	struct oauth_question *q = NULL;
	oauth_answer_fn *fn;
	uint64_t id;
	void *arg;

	if (peer.questions.bucket && ipc_get_u64(m, "id", UINT64_MAX, &id) == 0)
		q = table_get(&peer.questions, key_of(&id));
	if (!q)
		return; /* forgotten meanwhile */
	fn = q->fn;
	arg = q->arg;
	oauth_forget(q);
	fn(arg, m);
}

/* --- keys ---------------------------------------------------------------------------- */

static void keys_watch(void);

/* Nobody has seen for so long that they still count. */
static void too_old(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (peer.keys < 0)
		return;
	if (clock_unix() < (int64_t)peer.until) {
		keys_watch();
		return;
	}
	fd_close(&peer.keys);
	pool_keys(authd.pool, -1);
}

static void keys_watch(void)
{
	struct timeval tv = { .tv_sec = MIN(MAX((int64_t)peer.until - clock_unix(), (int64_t)0), (int64_t)WATCH_S) };

	if (!peer.old)
		peer.old = evtimer_new(authd.base, too_old, NULL);
	event_add(peer.old, &tv);
}

static void keys_take(const struct ipc_msg *m)
{
	struct str text = ipc_get(m, "text");
	uint64_t until;
	int fd;

	if (conf_oauth_keys(authd.program.conf) < CONF_OAUTH_JWKS || text.n == 0 || text.n > JWKS_FILE_MAX ||
		ipc_get_u64(m, "until", INT64_MAX, &until) < 0)
		return;
	fd = memfd_create("keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || file_write_all(fd, text.p, text.n) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		fd_close(&fd);
		return; /* those of before stay */
	}
	fd_close(&peer.keys);
	peer.keys = fd;
	peer.until = until;
	keys_watch();
	pool_keys(authd.pool, oauth_keys());
}

int oauth_keys(void)
{
	return peer.keys < 0 ? -1 : fcntl(peer.keys, F_DUPFD_CLOEXEC, 3);
}

static bool again(struct str key, void *value, void *arg)
{
	struct oauth_question *q = value;

	(void)key;
	(void)arg;
	(void)ipc_try_send(peer.fd, &q->m);
	return true;
}

static void ask_again(void)
{
	if (peer.questions.bucket)
		table_each(&peer.questions, again, NULL);
}

/* The keys that it has. */
static void ask_keys(void)
{
	struct ipc_msg m;

	ipc_init(&m, "tell");
	(void)ipc_try_send(peer.fd, &m); /* full: they come before they are old */
	ipc_done(&m);
}

void oauth_reload(const struct conf *old)
{
	uint64_t until = (uint64_t)(clock_unix() + authd.program.conf->oauth_keys_kept / 1000);

	if (!conf_oauth_same_keys(old, authd.program.conf)) {
		fd_close(&peer.keys);
	} else if (peer.keys >= 0 && until < peer.until) { /* kept for a shorter time from now on */
		peer.until = until;
		keys_watch();
	}
	if (peer.fd >= 0) {
		ask_keys();
		ask_again();
	}
}

/* --- the link --------------------------------------------------------------------------- */

static void gone(void)
{
	if (peer.readable)
		event_free(peer.readable);
	peer.readable = NULL;
	fd_close(&peer.fd);
}

static bool of_ours(const struct ipc_msg *m)
{
	char of[CONF_OAUTH_PROVIDER];

	conf_oauth_provider(authd.program.conf, of);
	return str_eqc(ipc_get(m, "of"), of);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	(void)arg;
	for (i = 0; i < MESSAGES && r == 0; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0 && !of_ours(&m))
			; /* its settings were others */
		else if (r == 0 && ipc_is(&m, "answer"))
			answered(&m);
		else if (r == 0 && ipc_is(&m, "keys"))
			keys_take(&m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		gone(); /* master gives another */
}

void oauth_peer(int fd)
{
	gone();
	fd_nonblock(fd, true);
	peer.fd = fd;
	peer.readable = event_new(authd.base, fd, EV_READ | EV_PERSIST, readable, NULL);
	event_add(peer.readable, NULL);
	ask_again();
}
