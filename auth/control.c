/* SPDX-License-Identifier: ISC
 *
 * control.c: verbs of the mansio command on their way to a worker. One runs at
 * a time: so a verb may look before it changes something. Who asks from outside
 * (the gate) waits in a lane of his own, for few at a time: nobody's crowd of
 * questions stands before the command, nor before another's.
 */
#include <sysexits.h>
#include <unistd.h>

#include "auth/expiry.h"
#include "auth/gate.h"
#include "auth/resolve.h"
#include "base/file.h"
#include "conf/verbs.h"
#include "mail/address.h"

#define VERBS_MAX 100
#define ASKER_MAX 10 /* of one who is no global administrator */

struct waiting {
	struct fair_job turn; /* first member */
	struct pool_job *job;
	int reply;
	char *logged_out; /* account whose sessions do not come back when it is done; NULL: none */
	char *routed; /* whose routes it may change: "*", a domain, ".domain"; NULL: none */
	bool changes; /* the directory, as far as we know */
	bool ends; /* and those that run end, too */
	bool page; /* the logins of the page as well */
	char *spared; /* a login of the page: all others of the account end, too; NULL: page says it */
	char *added; /* a domain that is to get keys when it is there; NULL: none */
};

static struct fair queue;
static bool running;

static void next(void);

/* A refusal of ours, in the words of program.h. */
static void refuse(int reply, int code, const char *error)
{
	struct ipc_msg m;

	if (reply < 0)
		return;
	ipc_init(&m, "result");
	ipc_set_u64(&m, "done", 1);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	fd_nonblock(reply, true);
	(void)ipc_try_send(reply, &m); /* who does not read gets nothing */
	ipc_done(&m);
}

/* who: an account, or "@DOMAIN": all of a domain. page: its logins of the page as well. */
static void forget(struct str who, bool page)
{
	renewal_forget_user(authd.renewals, who);
	tickets_forget_user(authd.tickets, who);
	exchanges_forget(who);
	before_forget(who);
	if (page)
		logins_end_user(authd.logins, who);
}

static void log_out(const struct waiting *w)
{
	if (w->logged_out)
		forget(str_of(w->logged_out), w->page);
}

static void waiting_free(struct waiting *w)
{
	fd_close(&w->reply);
	free(w->logged_out);
	free(w->spared);
	free(w->added);
	free(w->routed);
	free(w);
}

/* By master, as for somebody outside; nobody waits for the answer: the owner's log has it. */
static void by_master(struct ipc_msg *m)
{
	int pair[2];

	if (ipc_pair(pair) < 0)
		return;
	ipc_add_fd(m, "reply", pair[1]);
	(void)program_control(&authd.program, m);
	close(pair[0]);
	close(pair[1]);
}

static void first_keys(const char *domain)
{
	struct ipc_msg m;

	ipc_init(&m, "control");
	ipc_setc(&m, "verb", "dkim rotate");
	ipc_setc(&m, "domain", domain);
	ipc_setc(&m, "first", "yes"); /* no keys but the first ones */
	by_master(&m);
	ipc_done(&m);
}

/* What the verb says in its answer (verbs.h): accounts that it did not name, or that are many. */
static void end_sessions(const struct waiting *w, const struct ipc_msg *answer)
{
	char name[4 * ADDRESS_MAX + 1];
	struct ipc_msg m;
	struct str who;
	size_t i;

	ipc_init(&m, "control");
	ipc_setc(&m, "verb", "session kick");
	if (answer && ipc_get_bool(answer, "changed") && w->ends) {
		ipc_setc(&m, "user", w->logged_out);
		if (w->spared)
			ipc_setc(&m, "asker_login", w->spared);
		else if (!w->page)
			ipc_setc(&m, "mail", "yes");
	}
	for (i = 0; answer && (who = ipc_get_nth(answer, "ended", i)).p; i++) {
		forget(who, true);
		ipc_set(&m, "user", who);
	}
	if (ipc_get(&m, "user").p)
		by_master(&m);
	ipc_done(&m);
	for (i = 0; answer && (who = ipc_get_nth(answer, "ended_mail", i)).p; i++) {
		snprintf(name, sizeof(name), "%.*s", STRF(who));
		control_end_mail(name);
	}
}

static void done(struct pool_job *job, struct ipc_msg *answer)
{
	struct waiting *w = job->arg;
	uint64_t expires;

	if (!answer)
		refuse(w->reply, EX_TEMPFAIL, "authd's worker failed: look with 'show' whether it was done");
	/* a worker that died may have changed something */
	if (!answer || ipc_get_bool(answer, "changed"))
		directory_changed();
	if ((!answer || ipc_get_bool(answer, "changed")) && w->routed)
		routes_changed(str_of(w->routed));
	if (answer && ipc_get_bool(answer, "changed") && w->added)
		first_keys(w->added);
	if (answer && ipc_get_u64(answer, "expiring_at", INT64_MAX, &expires) == 0)
		expiry_watch(ipc_get(answer, "expiring"), expires);
	log_out(w);
	end_sessions(w, answer);
	waiting_free(w);
	running = false;
	lookup_past_cache(false);
	next();
}

static void next(void)
{
	struct waiting *w;

	while (!running && (w = (struct waiting *)fair_take(&queue)) != NULL) {
		running = true;
		if (pool_add(authd.pool, STR("control"), w->job)) {
			lookup_past_cache(w->changes);
			log_out(w); /* the command may hear of its end before we do */
			continue;
		}
		running = false;
		refuse(w->reply, EX_TEMPFAIL, "authd is too busy: try again");
		pool_job_free(w->job);
		waiting_free(w);
	}
}

/* A second factor counts from now on: who came without one comes again. */
static bool second_on(const struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb");

	return (str_eqc(verb, "totp on") && ipc_get(m, "code").n > 0) ||
		(str_eqc(verb, "security-key add") && ipc_get(m, "client_data").n > 0);
}

/* Changes that end what one password of an account alone is good for: mail. */
static bool ends_mail(const struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb");

	return str_eqc(verb, "app-password remove") || second_on(m) ||
		str_eqc(verb, "shared-secret set") || str_eqc(verb, "shared-secret remove") || str_eqc(verb, "owner remove") ||
		(str_eqc(verb, "user change") && str_eqc(ipc_get(m, "main_password"), "web"));
}

/* With another password, or none, a login that was good before is good no more. */
static char *logs_out(const struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb"), local, domain;
	char *name = NULL;
	struct arena a;

	if (!str_eqc(verb, "user password") && !str_eqc(verb, "user remove") && !str_eqc(verb, "user leave") && !ends_mail(m) &&
		!(str_eqc(verb, "user change") && (ipc_get(m, "active").p || ipc_get(m, "roles").p)))
		return NULL;
	arena_init(&a);
	if (address_read(ipc_get(m, "address"), &a, &local, &domain) == 0)
		name = mem_strdup(arena_cstr(&a, address_name(local, domain, &a)));
	arena_done(&a);
	return name;
}

/* [dkim] new_domains: what is added is signed from the start. */
static char *adds(const struct ipc_msg *m)
{
	struct str domain = STR_NONE;
	char *name = NULL;
	struct arena a;

	if (!authd.program.conf->dkim_new_domains || !str_eqc(ipc_get(m, "verb"), "domain add") ||
		str_eqc(ipc_get(m, "backup"), "yes"))
		return NULL;
	arena_init(&a);
	if (domain_normal(ipc_get(m, "domain"), &a, &domain) == 0)
		name = mem_strdup(arena_cstr(&a, domain));
	arena_done(&a);
	return name;
}

/* A route that is made, changed or removed. */
static char *routes(const struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb"), to = ipc_get(m, "to"), name;
	bool below = to.n > 1 && to.p[0] == '.';
	char *all = NULL;
	struct arena a;

	if (!str_starts(verb, "route ") || str_eqc(verb, "route list"))
		return NULL;
	arena_init(&a);
	if (domain_normal(below ? str_from(to, 1) : to, &a, &name) == 0)
		all = mem_strdup(arena_fmt(&a, "%s%.*s", below ? "." : "", STRF(name)));
	else
		all = mem_strdup("*");
	arena_done(&a);
	return all;
}

void control_end_mail(const char *user)
{
	struct ipc_msg m;

	forget(str_of(user), false);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", "session kick");
	ipc_setc(&m, "user", user);
	ipc_setc(&m, "mail", "yes");
	by_master(&m);
	ipc_done(&m);
}

void control_message(struct program *p, struct ipc_msg *m)
{
	int reply = ipc_take_fd(m, "reply");

	(void)p;
	if (reply >= 0)
		control_run(m, reply);
}

/* The command has no asker. */
static bool is_room(const struct ipc_msg *m)
{
	struct str asker = ipc_get(m, "asker");

	return queue.n < VERBS_MAX && (asker.n == 0 || ipc_get_bool(m, "asker_admin") || fair_waiting(&queue, asker) < ASKER_MAX);
}

void control_run(const struct ipc_msg *m, int reply)
{
	const struct verb *verb;
	struct waiting *w;
	size_t i;

	if (gate_own_verb(m, reply))
		return;
	if (!queue.turn.tqh_last)
		fair_init(&queue);
	if (!is_room(m)) {
		refuse(reply, EX_TEMPFAIL, "too many commands at once: try again");
		fd_close(&reply);
		return;
	}
	w = mem_alloc(1, sizeof(*w));
	w->reply = reply;
	w->job = pool_job_new("control", done, w);
	verb = verb_named(arena_fmt(&w->job->m.arena, "%.*s", STRF(ipc_get(m, "verb"))));
	w->changes = !verb || verb->effect == EFFECT_CHANGE;
	w->logged_out = logs_out(m);
	/* other roles are for the page alone; a mail program's session goes on */
	w->ends = w->logged_out &&
		(!str_eqc(ipc_get(m, "verb"), "user change") || str_eqc(ipc_get(m, "active"), "no") || ends_mail(m));
	w->page = w->logged_out && (!ends_mail(m) || ipc_get(m, "active").p || ipc_get(m, "roles").p);
	if (w->logged_out && second_on(m))
		w->spared = mem_strdup(arena_fmt(&w->job->m.arena, "%.*s", STRF(ipc_get(m, "asker_login"))));
	w->added = adds(m);
	w->routed = routes(m);
	for (i = 0; i < m->nfields; i++)
		ipc_set(&w->job->m, arena_cstr(&w->job->m.arena, m->field[i].name),
			m->field[i].value);
	if (reply >= 0)
		ipc_add_fd(&w->job->m, "reply", reply);
	fair_add(&queue, ipc_get(m, "asker"), &w->turn);
	next();
}
