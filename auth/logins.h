/* SPDX-License-Identifier: ISC
 *
 * logins.h: who is logged in at the admin page. In memory of authd alone: a restart
 * ends all logins. A login is made anew at each password that was good, never taken
 * from the browser; it ends by logout, by `login end`, when it is idle or old, and
 * with a new password, new roles, deactivation or removal of its account.
 */
#ifndef MANSIO_AUTH_LOGINS_H
#define MANSIO_AUTH_LOGINS_H

#include <sys/queue.h>

#include "auth/secret.h"
#include "base/table.h"

struct login {
	TAILQ_ENTRY(login) link; /* in the order in which they were made */
	char id[SECRET_ID + 1];
	char digest[SECRET_HEX + 1]; /* of the cookie's secret */
	char csrf[SECRET_HEX + 1];
	char *user, *peer, *agent;
	uint64_t account; /* an account made anew under the old name is another one */
	int64_t since, last; /* Unix seconds, for people */
	int64_t made_ms, used_ms; /* monotonic, for ages */
};

struct logins_limits {
	size_t max, per_user;
	int64_t idle_ms, age_ms;
};

struct logins;
struct logins *logins_new(const struct logins_limits *l);
void logins_free(struct logins *l);
void logins_set(struct logins *l, const struct logins_limits *limits);

/* A new login; the oldest ends where there are too many. The cookie's text is told once. */
struct login *login_make(struct logins *l, struct str user, uint64_t account, struct str peer,
	struct str agent, int64_t now_ms, int64_t now_unix, char cookie_out[SECRET_TEXT + 1]);
/* The login of a cookie that is good now, or NULL; touch: it was used now. */
struct login *login_find(struct logins *l, struct str cookie, int64_t now_ms, int64_t now_unix,
	bool touch);
bool login_csrf_good(const struct login *k, struct str given);
struct login *login_by_id(struct logins *l, struct str id);
void login_end(struct logins *l, struct login *k);
/* Of one account, or ("@DOMAIN") of all of a domain. */
size_t logins_end_user(struct logins *l, struct str user); /* how many */
void logins_sweep(struct logins *l, int64_t now_ms);
size_t logins_count(const struct logins *l);
/* The oldest first; NULL ends. */
struct login *logins_first(struct logins *l);
struct login *logins_next(struct login *k);

#endif
