/* SPDX-License-Identifier: ISC
 *
 * verbs.c: dkim rotate, dkim list, dkim remove; and the records for checkd's question.
 */
#include "smtp/sign/signd.h"

#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "mail/address.h"
#include "net/dns.h"

#define ANSWER_MS 5000

static void finish(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	program_result(reply, &m);
	ipc_done(&m);
}

static void row(int reply, const struct sign_key *x)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "domain", x->of->name);
	ipc_setc(&m, "selector", x->selector);
	ipc_setc(&m, "algorithm", dkim_algorithm_name(x->algorithm));
	ipc_setc(&m, "state", key_state_name(x->state));
	ipc_set_u64(&m, "since", (uint64_t)x->since);
	ipc_setc(&m, "name", arena_fmt(&m.arena, "%s._domainkey.%s", x->selector, x->of->name));
	ipc_setc(&m, "value", x->record);
	program_result(reply, &m);
	ipc_done(&m);
}

struct listing {
	int reply;
	const struct ipc_msg *m;
	struct arena a;
	const struct sign_domain **v;
	size_t n;
};

/* Without a field `scope` everything may be seen. */
static bool in_scope(const struct ipc_msg *m, const char *domain)
{
	struct str s;
	size_t i;

	for (i = 0; (s = ipc_get_nth(m, "scope", i)).p; i++)
		if (str_ieqc(s, domain))
			return true;
	return i == 0;
}

static bool collect(struct str name, void *value, void *arg)
{
	struct sign_domain *d = value;
	struct listing *l = arg;

	(void)name;
	if (in_scope(l->m, d->name))
		l->v[l->n++] = d;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct sign_domain *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int list(struct signd *d, struct ipc_msg *m, struct str domain, int reply)
{
	struct listing l = { .reply = reply, .m = m };
	const struct sign_key *x;
	size_t i;

	arena_init(&l.a);
	l.v = arena_array(&l.a, d->keys.domains.n + 1, sizeof(*l.v));
	if (domain.n && keys_domain(&d->keys, domain))
		collect(domain, keys_domain(&d->keys, domain), &l);
	else if (!domain.n)
		table_each(&d->keys.domains, collect, &l);
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_name);
	for (i = 0; i < l.n; i++)
		for (x = l.v[i]->first; x; x = x->next)
			row(reply, x);
	arena_done(&l.a);
	return EX_OK;
}

/* A key for a name that sends no mail here is a slip of the pen, and would sign for ever. */
static int known(struct signd *d, struct ipc_msg *m, struct str domain, const char **error)
{
	struct auth_domain v = { .result = AUTH_TEMP };

	if (d->authd < 0 || auth_domain(d->authd, domain, &m->arena, &v, deadline_in(ANSWER_MS)) < 0 || v.result == AUTH_TEMP) {
		*error = "the directory does not answer: try again";
		return EX_TEMPFAIL;
	}
	*error = v.result == AUTH_OK ? NULL : arena_fmt(&m->arena, "no such domain: %.*s", STRF(domain));
	return v.result == AUTH_OK ? EX_OK : EX_NOUSER;
}

static int rotate(struct signd *d, struct ipc_msg *m, struct str domain, int reply, const char **error)
{
	int r;

	if (!dns_is_hostname(domain) || domain.n > KEYS_DOMAIN_MAX) {
		*error = "that is not the name of a domain";
		return EX_DATAERR;
	}
	r = known(d, m, domain, error);
	if (r)
		return r;
	if (str_eqc(ipc_get(m, "first"), "yes") && keys_domain(&d->keys, domain))
		return list(d, m, domain, reply);
	r = keys_rotate(&d->keys, domain, clock_unix());
	if (r == E_EXISTS) {
		*error = "new keys of this domain wait already: publish what 'dkim list' shows of them, or give them up by 'dkim remove'";
		return EX_UNAVAILABLE;
	}
	if (r) {
		*error = err_text(r);
		return EX_IOERR;
	}
	d->due = true;
	return list(d, m, domain, reply);
}

static int remove_keys(struct signd *d, const struct ipc_msg *m, struct str domain, const char **error)
{
	struct str selector = ipc_get(m, "selector");
	int r;

	if (!selector.n && !str_eqc(ipc_get(m, "all"), "yes")) {
		*error = "which one? name its selector, or say --all";
		return EX_USAGE;
	}
	r = keys_remove(&d->keys, domain, selector, !str_eqc(ipc_get(m, "only"), "yes"));
	*error = r == E_NOTFOUND ? "there is no such key" : err_text(r);
	return r == 0 ? EX_OK : r == E_NOTFOUND ? EX_DATAERR : EX_IOERR;
}

void verbs_control(struct signd *d, struct ipc_msg *m)
{
	struct str verb = ipc_get(m, "verb"), domain = ipc_get(m, "domain"), normal;
	int reply = ipc_take_fd(m, "reply"), code = EX_USAGE;
	const char *error = "unknown verb";

	if (reply < 0)
		return;
	if (domain.n && domain_normal(domain, &m->arena, &normal) == 0)
		domain = normal;
	if (str_eqc(verb, "dkim list"))
		code = list(d, m, domain, reply);
	else if (str_eqc(verb, "dkim rotate"))
		code = rotate(d, m, domain, reply, &error);
	else if (str_eqc(verb, "dkim remove"))
		code = remove_keys(d, m, domain, &error);
	finish(reply, code, code ? error : NULL);
	close(reply);
}
