/* SPDX-License-Identifier: ISC
 *
 * expiry.c: see expiry.h.
 *
 * One timer for each account and moment, made by the first login or the verb that sets it; there are as many as what ends and
 * is in use. All mail sessions of the account end then: those of its other devices come back by themselves. It is in
 * memory alone: authd that was killed meanwhile ends no session that was there before, and a login by that password
 * fails in any case.
 */
#include "auth/expiry.h"

#include "auth/authd.h"
#include "base/clock.h"
#include "base/table.h"

#define LONGEST_S 86400 /* of one timer: the wall clock may be set */

struct expiry {
	struct event *timer;
	uint64_t expires;
	char *user;
	char *key;
};

static struct table table;

static void arm(struct expiry *e)
{
	int64_t left = (int64_t)e->expires - clock_unix();
	struct timeval tv = { .tv_sec = MIN(MAX(left, 0), LONGEST_S) };

	event_add(e->timer, &tv);
}

static void ended(evutil_socket_t fd, short what, void *arg)
{
	struct expiry *e = arg;

	(void)fd;
	(void)what;
	if ((int64_t)e->expires > clock_unix()) {
		arm(e);
		return;
	}
	control_end_mail(e->user);
	table_remove(&table, str_of(e->key));
	event_free(e->timer);
	free(e->user);
	free(e->key);
	free(e);
}

void expiry_watch(struct str user, uint64_t expires)
{
	struct expiry *e;
	struct arena a;
	char *key;

	arena_init(&a);
	key = arena_fmt(&a, "%llu %.*s", (unsigned long long)expires, STRF(user));
	if (!table.bucket)
		table_init(&table);
	if (!table_get(&table, str_of(key))) {
		e = mem_alloc(1, sizeof(*e));
		e->expires = expires;
		e->user = mem_strdup(arena_cstr(&a, user));
		e->key = mem_strdup(key);
		e->timer = evtimer_new(authd.base, ended, e);
		table_set(&table, str_of(key), e);
		arm(e);
	}
	arena_done(&a);
}
