/* SPDX-License-Identifier: ISC
 *
 * live.c: a verb that goes on answering (stats live, log follow), to a browser as
 * server-sent events: one `data:` a row, a comment every [web] heartbeat, `end` when
 * the owner has no more to say.
 *
 * The answer to the browser begins with the first row, or after a moment without
 * one; what is refused before is a plain refusal. The login is looked at again with
 * every heartbeat: when it has ended, so does the stream.
 */
#include <sysexits.h>

#include "webadmin/api.h"
#include "webadmin/ask.h"
#include "webadmin/cookie.h"
#include "webadmin/json.h"

#define BEGIN_MS 200

struct live {
	struct live *next, *prev;
	struct request *q; /* until the answer has begun */
	struct stream *stream;
	struct ask *ask, *check;
	struct event timer;
	struct ipc_msg who; /* the question that looks at the login again */
	char login[24]; /* its public part: streams are counted by it */
};

static struct live *lives;

static void live_free(struct live *l)
{
	event_del(&l->timer);
	if (l->ask)
		ask_cancel(l->ask);
	if (l->check)
		ask_cancel(l->check);
	if (l->next)
		l->next->prev = l->prev;
	if (l->prev)
		l->prev->next = l->next;
	else
		lives = l->next;
	ipc_done(&l->who);
	free(l);
}

static void arm(struct live *l, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(&l->timer, &tv);
}

static void gone(void *arg)
{
	live_free(arg);
}

/* False: refused, l is gone. */
static bool begin(struct live *l)
{
	struct request *q = l->q;

	if (l->stream)
		return true;
	l->q = NULL;
	l->stream = stream_new(q, gone, l);
	if (!l->stream) {
		request_fail(q, 429, EX_TEMPFAIL, "too many live pages are open ([web] streams)");
		live_free(l);
		return false;
	}
	arm(l, web.conf->web_heartbeat);
	stream_comment(l->stream);
	return true;
}

static void over(struct live *l, int code, struct str error, const struct ipc_msg *last)
{
	struct buf b;

	if (l->q) {
		request_fail(l->q, api_status(code ? code : EX_TEMPFAIL, last), code, "%.*s", STRF(error));
	} else {
		buf_init(&b, 8192);
		json_error(&b, error, code);
		stream_end(l->stream, buf_view(&b));
		buf_done(&b);
	}
	live_free(l);
}

static void row(void *arg, const struct ipc_msg *m)
{
	struct live *l = arg;
	struct buf b;

	/* no place for it: refused by tick, not from inside its own question */
	if (!l->stream && web.streams >= (size_t)web.conf->web_streams) {
		arm(l, 0);
		return;
	}
	begin(l);
	buf_init(&b, IPC_MAX * 6);
	json_row(&b, m);
	stream_data(l->stream, buf_view(&b));
	buf_done(&b);
}

static void done(void *arg, int code, struct str error, const struct ipc_msg *last)
{
	struct live *l = arg;

	l->ask = NULL;
	if (l->q && code == EX_OK && last && !begin(l))
		return;
	over(l, code, error, last);
}

static const struct ask_ops ops = { .row = row, .done = done };

static void checked(void *arg, int code, struct str error, const struct ipc_msg *last)
{
	struct live *l = arg;

	(void)error;
	l->check = NULL;
	/* a gate that is busy or just comes back does not end it */
	if (code != EX_OK && last && ipc_get_bool(last, "unknown"))
		over(l, EX_NOPERM, STR("the login has ended"), last);
}

static const struct ask_ops check_ops = { .done = checked };

static void tick(evutil_socket_t fd, short what, void *arg)
{
	struct live *l = arg;
	struct ipc_msg m;
	size_t i;

	(void)fd;
	(void)what;
	if (l->q) {
		begin(l);
		return;
	}
	arm(l, web.conf->web_heartbeat);
	stream_comment(l->stream);
	if (l->check)
		return;
	ipc_init(&m, "ask");
	for (i = 0; i < l->who.nfields; i++)
		ipc_set(&m, arena_cstr(&m.arena, l->who.field[i].name), l->who.field[i].value);
	l->check = ask_new(&m, web.conf->web_answer_wait, &check_ops, l);
	ipc_done(&m);
}

static size_t count(const char *login)
{
	const struct live *l;
	size_t n = 0;

	for (l = lives; l; l = l->next)
		n += strcmp(l->login, login) == 0;
	return n;
}

static struct live *live_new(struct request *q)
{
	struct live *l = mem_alloc(1, sizeof(*l));
	struct str secret;

	l->q = q;
	api_question(q, &l->who, "check");
	secret = ipc_get(&l->who, "cookie").p ? ipc_get(&l->who, "cookie") : ipc_get(&l->who, "token");
	snprintf(l->login, sizeof(l->login), "%.*s", STRF(str_cut(&secret, '.')));
	event_assign(&l->timer, web.base, -1, 0, tick, l);
	l->next = lives;
	if (lives)
		lives->prev = l;
	lives = l;
	return l;
}

void live_serve(struct request *q, struct str path)
{
	const struct verb *v = api_verb(q, path);
	struct ipc_msg m;
	struct live *l;

	if (!v || v->effect != EFFECT_READ || request_is_post(q)) {
		request_fail(q, v ? 405 : 404, v ? EX_USAGE : EX_NOUSER, "there is no such stream");
		return;
	}
	api_question(q, &m, "verb");
	if (!api_arguments(q, v, &m)) {
		ipc_done(&m);
		return;
	}
	l = live_new(q);
	if (count(l->login) > (size_t)web.conf->web_streams_per_login) {
		request_fail(q, 429, EX_TEMPFAIL, "too many live pages of this login ([web] streams_per_login)");
		live_free(l);
	} else if (!(l->ask = ask_new(&m, 0, &ops, l))) {
		request_fail(q, 503, EX_TEMPFAIL, "the suite is busy: try again");
		live_free(l);
	} else {
		request_on_gone(q, gone, l);
		arm(l, BEGIN_MS);
	}
	ipc_done(&m);
}
