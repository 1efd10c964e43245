/* SPDX-License-Identifier: ISC
 *
 * oauthd.h: private to oauthd: the program that asks the provider of access tokens, for authd, whose processes open no
 * sockets.
 *
 *   oauthd.c          the process: links, loop, sandbox
 *   oauthd_keys.c     the provider's keys: fetched, refreshed before they are old, fetched for a token with an unknown one
 *   oauthd_tokens.c   tokens that the provider is asked about, and what it said
 *   oauthd_asker.c    the children that ask it: the network, and no file
 *
 *   authd -> oauthd   renew id                  a token has a key that is not known
 *                     introspect id token network   is it good? (who asks)
 *                     tell                      what keys are there?
 *   oauthd -> authd   answer id result=ok|inactive|temp [claims]   renew: ok: no newer keys can be had now than were sent
 *                     keys text until           a JWK Set, good until then (Unix time); unasked, and before the `answer`
 *                     both with `of`            the provider as our settings have it (conf/oauth.h)
 *
 * Always true:
 *   1. authd waits [oauth] timeout for an answer, whatever happens here; what comes later is there for the next login.
 *   2. A provider that hangs, dies or lies costs its own questions and a bounded number of children; who asks about a token
 *      that is known is answered at once.
 *   3. Tokens are asked about one of each network in turn; of one network [oauth] requests_per_network are asked about at once,
 *      and waiting_per_network wait, at most.
 *   4. The loop parses nothing from outside and opens no connection. A token is kept as long as it is asked about, then its
 *      keyed digest; neither it nor our secret is logged.
 */
#ifndef MANSIO_AUTH_OAUTHD_H
#define MANSIO_AUTH_OAUTHD_H

#include <sys/queue.h>

#include "auth/fair.h"
#include "auth/provider.h"
#include "base/clock.h"
#include "base/table.h"
#include "conf/oauth.h"
#include "conf/program.h"
#include "net/https.h"

#define OAUTHD_ASKERS 65 /* [oauth] requests, and the first, which fetches keys */
#define OAUTHD_WORDS 300
#define OAUTHD_IDS 64 /* questions that wait for one answer */

/* Questions of authd. */
struct ids {
	uint64_t v[OAUTHD_IDS];
	size_t n;
};

/* authd asks again after each reload: one waits once. False: too many wait. */
static inline bool ids_add(struct ids *ids, uint64_t id)
{
	size_t i;

	for (i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	if (ids->n == OAUTHD_IDS)
		return false;
	ids->v[ids->n++] = id;
	return true;
}

enum token_state { TOKEN_WAITS, TOKEN_ASKED, TOKEN_KNOWN };
struct token {
	struct fair_job turn; /* waits */
	TAILQ_ENTRY(token) link; /* of its state's list: the oldest first */
	unsigned char digest[32];
	enum token_state state;
	struct buf text; /* until it is known */
	char *network;
	struct ids ids; /* ... who waits */
	deadline until; /* the answer is late; known: it counts no more */
	bool active;
	char *claims; /* of one that is active, else NULL */
};
TAILQ_HEAD(tokens, token);

struct asker {
	pid_t pid;
	int link; /* -1: none is there */
	bool busy;
	struct token *token; /* what it is asked; the first: NULL */
	bool stale; /* ends with its question */
	deadline until; /* busy: the answer is late; else it is sent away */
};

struct provider_keys {
	bool fetching, failed; /* the last time */
	deadline at; /* when they are fetched next */
	int64_t tried; /* ms, when they were asked for last; 0: never */
	int64_t wait; /* ms, after the failure before; 0: there was none */
	struct ids ids;
	struct buf text; /* the last that came */
	uint64_t until;
};

struct oauthd {
	struct program program;
	const struct conf *conf;
	char of[CONF_OAUTH_PROVIDER];
	int resolver, authd; /* -1 */
	struct buf trust, secret;
	struct asker asker[OAUTHD_ASKERS];
	struct provider_keys keys;
	unsigned char digest_key[32];
	struct table known; /* all tokens, by digest */
	struct tokens waiting, asked, kept;
	struct fair turns; /* of those that wait, by network */
	size_t nwaiting, nkept;
	deadline quiet; /* the failure that was logged last is not logged again before */
	char told[OAUTHD_WORDS];
};

/* oauthd.c */
void oauthd_answer(struct oauthd *o, struct ids *ids, const char *result, const char *claims); /* ids is empty then */
void oauthd_failed(struct oauthd *o, const char *what, struct str words); /* for the log; the same one once a minute */

/* oauthd_keys.c */
void keys_start(struct oauthd *o);
void keys_renew(struct oauthd *o, uint64_t id);
void keys_done(struct oauthd *o, const struct ipc_msg *m); /* of the asker; NULL: none is there, died, or took too long */
void keys_tell(struct oauthd *o); /* authd, if there are any */
void keys_tick(struct oauthd *o);
deadline keys_next(const struct oauthd *o);

/* oauthd_tokens.c */
void tokens_start(struct oauthd *o);
void token_ask(struct oauthd *o, uint64_t id, struct str network, struct str token);
void token_done(struct oauthd *o, struct token *t, const struct ipc_msg *m); /* as keys_done */
void tokens_tick(struct oauthd *o);
deadline tokens_next(const struct oauthd *o);

/* oauthd_asker.c */
/* Gives it a question; false: there is no process for it. t NULL: the keys. */
bool asker_ask(struct oauthd *o, size_t i, struct token *t);
void asker_readable(struct oauthd *o, size_t i);
void askers_tick(struct oauthd *o);
void askers_renew(struct oauthd *o); /* the resolver is another one */
size_t asker_free(const struct oauthd *o); /* which could ask about a token now; 0: none */

#endif
