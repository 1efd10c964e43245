/* SPDX-License-Identifier: ISC
 *
 * oauthd_asker.c: children that ask the provider (see oauthd.h), each one question at a time.
 *
 *   oauthd -> asker   keys                                       asker -> oauthd   done result=ok text count [max_age]
 *                     token text                                                   done result=ok claims [expires] | inactive
 *                                                                                  done result=temp words
 *
 * They are born in the sandbox of their parent, and keep two descriptors: the link to it and one of their own to the resolver.
 * One that hangs ends by its alarm; one that nobody asked for a while is sent away. Connections are kept between questions.
 */
#include "auth/oauthd.h"

#include <unistd.h>

#include "auth/json.h"
#include "auth/jwks.h"
#include "base/file.h"
#include "base/proc.h"
#include "trace/trace.h"

#define GRACE_MS 1000 /* beyond the child's own time */
#define IDLE_MS 30000
#define REQUESTS 2 /* for keys: the document, and they themselves */

/* What an asker works with. */
struct room {
	const struct oauthd *o;
	struct https *https;
	char *user, *password; /* of introspection, as Basic has them */
	struct arena a; /* of a question */
	char words[OAUTHD_WORDS]; /* why there is no answer */
};

/* --- the child: keys -------------------------------------------------------------------- */

static int get(struct room *r, const char *url, const char *what, struct https_reply *reply)
{
	struct https_request q = { .url = url, .accept = "application/json", .max = PROVIDER_TEXT_MAX };
	char words[HTTPS_WORDS];
	int err = https_ask(r->https, &q, reply, words);

	if (err == 0 && reply->status != 200) {
		snprintf(words, sizeof words, "its web server says %ld", reply->status);
		err = E_TEMP;
	}
	if (err < 0)
		snprintf(r->words, sizeof r->words, "%s: %s", what, words);
	return err;
}

/* Where they are: the setting, or the document of the issuer says it. */
static int find_keys(struct room *r, const char **url_out)
{
	const struct conf *c = r->o->conf;
	struct https_reply reply;
	const char *why;
	int err;

	if (conf_oauth_keys(c) == CONF_OAUTH_JWKS) {
		*url_out = c->oauth_jwks.p;
		return 0;
	}
	err = get(r, provider_document(c->oauth_issuer, &r->a), "its document", &reply);
	if (err == 0) {
		err = provider_document_read(buf_view(&reply.body), c->oauth_issuer, &r->a, url_out, &why);
		if (err < 0)
			snprintf(r->words, sizeof r->words, "%s", why);
	}
	https_reply_done(&reply);
	return err;
}

/* Only keys that can be used are an answer; what is sent is the set as ASCII. */
static int read_keys(struct room *r, struct str body, struct ipc_msg *out)
{
	json_t *set = json_one_object(body);
	struct jwks *keys = NULL;
	char *text = NULL;
	struct buf why;
	int err = E_SYNTAX;

	buf_init(&why, 200);
	if (!set)
		buf_puts(&why, "are not one JSON object");
	else
		err = jwks_read(body, JWKS_USABLE, &why, &keys);
	if (err == 0) {
		text = json_dumps(set, JSON_COMPACT | JSON_ENSURE_ASCII);
		ipc_setc(out, "text", text);
		ipc_set_u64(out, "count", jwks_count(keys));
		free(text);
	} else {
		snprintf(r->words, sizeof r->words, "its keys: %.*s", STRF(buf_view(&why)));
	}
	jwks_free(keys);
	json_decref(set);
	buf_done(&why);
	return err;
}

static int fetch_keys(struct room *r, struct ipc_msg *out)
{
	struct https_reply reply;
	const char *url;
	int err = find_keys(r, &url);

	if (err < 0)
		return err;
	err = get(r, url, "its keys", &reply);
	if (err == 0)
		err = read_keys(r, buf_view(&reply.body), out);
	if (err == 0 && reply.max_age >= 0)
		ipc_set_u64(out, "max_age", (uint64_t)reply.max_age);
	https_reply_done(&reply);
	return err;
}

/* --- the child: a token ----------------------------------------------------------------- */

static int read_word(struct room *r, const struct https_reply *reply, struct ipc_msg *out, bool *active_out)
{
	struct provider_word w;
	const char *why = NULL;

	if (reply->status == 401 || reply->status == 403)
		why = "it does not take our client_id and secret";
	else if (reply->status != 200)
		snprintf(r->words, sizeof r->words, "its web server says %ld", reply->status);
	else if (!str_ieqc(str_of(reply->type), "application/json"))
		why = "its answer is no JSON";
	else if (provider_word_read(buf_view(&reply->body), r->o->conf->oauth_claim, &r->a, &w, &why) == 0) {
		*active_out = w.active;
		ipc_set(out, "claims", w.claims);
		if (w.expires != INT64_MAX)
			ipc_set_u64(out, "expires", (uint64_t)w.expires);
		return 0;
	}
	if (why)
		snprintf(r->words, sizeof r->words, "%s", why);
	return E_TEMP;
}

static int introspect(struct room *r, struct str token, struct ipc_msg *out, bool *active_out)
{
	struct https_request q = { .url = r->o->conf->oauth_introspect.p, .type = "application/x-www-form-urlencoded",
		.accept = "application/json", .user = r->user, .password = r->password, .max = PROVIDER_TEXT_MAX };
	struct https_reply reply;
	struct buf body;
	int err;

	buf_init(&body, 4 * IPC_MAX);
	provider_question(token, &body);
	q.body = buf_view(&body);
	err = https_ask(r->https, &q, &reply, r->words);
	if (err == 0)
		err = read_word(r, &reply, out, active_out);
	https_reply_done(&reply);
	buf_wipe(&body);
	return err;
}

/* --- the child ---------------------------------------------------------------------------- */

static int serve(struct room *r, int link, const struct ipc_msg *m)
{
	bool active = true;
	struct ipc_msg out;
	int err;

	alarm((unsigned)(REQUESTS * r->o->conf->oauth_timeout / 1000 + 2));
	r->words[0] = '\0';
	ipc_init(&out, "done");
	err = ipc_is(m, "keys") ? fetch_keys(r, &out) : introspect(r, ipc_get(m, "text"), &out, &active);
	ipc_setc(&out, "result", err < 0 ? "temp" : active ? "ok" : "inactive");
	ipc_setc(&out, "words", r->words);
	err = ipc_send(link, &out);
	ipc_done(&out);
	arena_reset(&r->a);
	alarm(0);
	return err;
}

static char *form(struct str s)
{
	struct buf b;
	char *p;

	buf_init(&b, 16384);
	provider_form(s, &b);
	p = mem_strdup(buf_cstr(&b));
	buf_wipe(&b);
	return p;
}

static NORETURN void child(const struct oauthd *o, int link, int resolver)
{
	const struct https_rules rules = { .trust = buf_view(&o->trust), .resolver = resolver, .wait = o->conf->oauth_timeout,
		.to = HTTPS_ANYWHERE };
	struct room r = { .o = o };
	struct ipc_msg m;
	int err;

	proc_title("oauthd asker");
	trace_open(-1, "oauthd");
	fd_keep(link, resolver);
	arena_init(&r.a);
	r.https = https_new(&rules);
	r.user = form(o->conf->oauth_client_id);
	r.password = form(str_trim(buf_view(&o->secret)));
	do {
		err = ipc_recv(link, &m);
		if (err == 0)
			err = serve(&r, link, &m);
		ipc_done(&m);
	} while (err == 0 || err == -EINTR);
	_exit(0);
}

/* --- the parent ----------------------------------------------------------------------------- */

static bool start(struct oauthd *o, struct asker *k)
{
	int pair[2], resolver = o->resolver < 0 ? -1 : ipc_link_clone(o->resolver);

	if (resolver < 0 || ipc_pair(pair) < 0) {
		fd_close(&resolver);
		return false;
	}
	k->pid = proc_fork(true);
	if (k->pid == 0)
		child(o, pair[1], resolver);
	close(pair[1]);
	fd_close(&resolver);
	if (k->pid < 0) {
		close(pair[0]);
		return false;
	}
	k->link = pair[0];
	k->stale = false;
	fd_nonblock(k->link, true);
	return true;
}

static void end(struct asker *k)
{
	fd_close(&k->link); /* a child that is late ends by its alarm */
	k->busy = false;
	k->token = NULL;
}

/* An answer, or the end of the wait for one. */
static void done(struct oauthd *o, size_t i, const struct ipc_msg *m)
{
	struct asker *k = &o->asker[i];
	struct token *t = k->token;
	bool busy = k->busy;

	k->busy = false;
	k->token = NULL;
	k->until = deadline_in(IDLE_MS);
	if (!m || k->stale || i == 0) /* keys are fetched seldom */
		end(k);
	if (busy && t)
		token_done(o, t, m);
	else if (busy)
		keys_done(o, m);
}

bool asker_ask(struct oauthd *o, size_t i, struct token *t)
{
	struct asker *k = &o->asker[i];
	struct ipc_msg m;
	int r;

	if (k->link < 0 && !start(o, k))
		return false;
	ipc_init(&m, t ? "token" : "keys");
	if (t)
		ipc_set(&m, "text", buf_view(&t->text));
	r = ipc_try_send(k->link, &m);
	ipc_done(&m);
	if (r < 0) {
		end(k);
		return false;
	}
	k->busy = true;
	k->token = t;
	k->until = deadline_in((t ? 1 : REQUESTS) * o->conf->oauth_timeout + GRACE_MS);
	return true;
}

void asker_readable(struct oauthd *o, size_t i)
{
	struct ipc_msg m;
	int r;

	if (o->asker[i].link < 0)
		return;
	r = ipc_try_recv(o->asker[i].link, &m);
	if (r == 0 && o->asker[i].busy && ipc_is(&m, "done"))
		done(o, i, &m);
	else if (r != -EAGAIN && r != -EINTR)
		done(o, i, NULL);
	ipc_done(&m);
}

void askers_tick(struct oauthd *o)
{
	size_t i;

	for (i = 0; i < OAUTHD_ASKERS; i++)
		if (o->asker[i].link >= 0 && deadline_passed(o->asker[i].until))
			done(o, i, NULL);
}

void askers_renew(struct oauthd *o)
{
	size_t i;

	for (i = 0; i < OAUTHD_ASKERS; i++) {
		o->asker[i].stale = true;
		if (o->asker[i].link >= 0 && !o->asker[i].busy)
			end(&o->asker[i]);
	}
}

size_t asker_free(const struct oauthd *o)
{
	size_t i, none = 0;

	for (i = 1; i <= (size_t)o->conf->oauth_requests; i++) {
		if (o->asker[i].link >= 0 && !o->asker[i].busy)
			return i;
		if (o->asker[i].link < 0 && !none)
			none = i;
	}
	return none;
}
