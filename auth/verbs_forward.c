/* SPDX-License-Identifier: ISC
 *
 * verbs_forward.c: mansio user forward|invite, alias who, and the end of an invitation,
 * which the gate asks for.
 */
#include <sysexits.h>

#include "auth/secret.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "net/addr.h"

/* --- forward -------------------------------------------------------------------- */

int verb_forward(struct verb *v, struct directory_account *acc)
{
	struct str name = address_name(acc->local, acc->domain, &v->a), target, rest;
	bool keep = true;

	if (verb_bool(v, "keep", &keep) < 0 || verb_targets(v, false, &acc->forward) < 0)
		return -1;
	for (rest = acc->forward; rest.n > 0;) {
		target = str_cut(&rest, '\n');
		if (str_eq(target, name))
			return verb_fail(v, EX_DATAERR, "target: mail of %.*s comes here anyway: say keep=yes", STRF(name));
	}
	acc->forward_keep = keep || acc->forward.n == 0;
	return 0;
}

void verb_user_forward(struct verb *v)
{
	struct directory_account acc;

	if (verb_user(v, &acc) == 0 && verb_forward(v, &acc) == 0)
		verb_user_put(v, &acc, false);
}

/* --- alias who -------------------------------------------------------------------- */

struct steps {
	struct verb *v;
	struct str domain; /* he may see what this one does with its mail; empty: what all do */
	struct str elsewhere; /* an address of another one, whose steps are not told ... */
	unsigned depth; /* ... which are those below this one */
};

static void explain(void *arg, unsigned depth, const char *kind, struct str address, const char *words)
{
	struct steps *s = arg;
	struct str domain = str_from(address, (size_t)(str_rfind(address, '@') + 1));
	bool foreign = s->domain.n > 0 && !str_eq(domain, s->domain) && strcmp(kind, "outside") != 0;
	struct ipc_msg m;

	if (s->elsewhere.n > 0 && (depth > s->depth || (depth == s->depth && str_eq(address, s->elsewhere))))
		return;
	s->elsewhere = foreign ? arena_str(&s->v->a, address) : STR("");
	s->depth = depth;
	ipc_init(&m, "result");
	ipc_set_u64(&m, "step", depth);
	ipc_set(&m, "address", address);
	ipc_setc(&m, "kind", foreign ? "elsewhere" : kind);
	ipc_setc(&m, "words", foreign ? "goes on to another domain, which is not yours to look after" : words);
	verb_row(s->v, &m);
}

void verb_alias_who(struct verb *v)
{
	struct steps s = { .v = v, .domain = STR("") };
	struct str local, domain;
	struct auth_rcpt out;
	int r;

	if (verb_address(v, &local, &domain) < 0)
		return;
	if (ipc_get(v->m, "asker").p && !ipc_get_bool(v->m, "asker_admin"))
		s.domain = domain;
	r = resolve_explain(v->resolver, ipc_get(v->m, "address"), &v->a, explain, &s, &out);
	if (r < 0)
		verb_error(v, r, "address", ipc_get(v->m, "address"));
}

/* --- invitation --------------------------------------------------------------------- */

/* https://HOST[:PORT]: [web] url, or the host name and the first port that listens. */
static struct str page_url(struct verb *v)
{
	const struct conf *c = v->conf;
	struct addr a;
	struct str url = c->web_url;

	if (url.n > 0)
		return url.p[url.n - 1] == '/' ? str_sub(url, 0, url.n - 1) : url;
	if (c->listen_https.n > 0 && addr_parse_hostport(c->listen_https.v[0], &a) == 0 && a.port != 443)
		return str_of(arena_fmt(&v->a, "https://%s:%u", conf_hostname(c), a.port));
	return str_of(arena_fmt(&v->a, "https://%s", conf_hostname(c)));
}

void verb_user_invite(struct verb *v)
{
	struct directory_account acc;
	struct directory_invite inv;
	char text[SECRET_TEXT + 1], digest[SECRET_HEX + 1];
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0 || verb_not_shared(v, &acc) < 0)
		return;
	secret_new(text, digest);
	inv = (struct directory_invite){ .id = str_make(text, SECRET_ID), .digest = str_of(digest),
		.account = acc.id, .expires = (uint64_t)(clock_unix() + v->conf->web_invite_time / 1000) };
	r = v->d->ops->invite_put ? v->d->ops->invite_put(v->d, &inv) : E_UNSUPPORTED;
	if (r < 0) {
		verb_error(v, r, "user", address_name(acc.local, acc.domain, &v->a));
	} else {
		v->changed = true;
		ipc_init(&m, "result");
		ipc_setc(&m, "link", arena_fmt(&v->a, "%.*s/#/invite/%s", STRF(page_url(v)), text));
		ipc_set_u64(&m, "expires", inv.expires);
		verb_row(v, &m);
	}
	explicit_bzero(text, sizeof(text));
}

int verb_invite_void(struct verb *v, const struct directory_account *acc)
{
	int r = v->d->ops->invite_remove ? v->d->ops->invite_remove(v->d, acc->id) : E_NOTFOUND;

	if (r < 0 && r != E_NOTFOUND && r != E_UNSUPPORTED)
		return verb_error(v, r, "invitation", address_name(acc->local, acc->domain, &v->a));
	return 0;
}

/* Good once: the row is gone before the answer is given. */
void verb_invite_redeem(struct verb *v)
{
	struct directory_account acc;
	struct directory_invite inv;
	struct str id, secret, name;
	struct ipc_msg m;
	int r;

	if (!secret_split(ipc_get(v->m, "invite"), &id, &secret) || !v->d->ops->invite ||
		(r = v->d->ops->invite(v->d, id, &v->a, &inv)) == E_NOTFOUND ||
		(r == 0 && (!secret_good(secret, inv.digest) || inv.expires <= (uint64_t)clock_unix()))) {
		verb_fail(v, EX_NOUSER, SECRET_NO_INVITE);
		return;
	}
	if (r == 0)
		r = v->d->ops->account(v->d, inv.local, inv.domain, &v->a, &acc);
	name = r == 0 ? address_name(acc.local, acc.domain, &v->a) : STR("");
	if (r < 0 || verb_password(v, &acc) < 0) {
		verb_error(v, r, "user", name); /* the first failure counts */
		return;
	}
	r = v->d->ops->invite_remove(v->d, inv.account);
	if (r < 0) {
		verb_error(v, r, "invitation", name);
		return;
	}
	verb_user_put(v, &acc, false);
	if (v->code)
		return;
	verb_ends(v, name); /* whoever is in with the old password */
	ipc_init(&m, "result");
	ipc_set(&m, "address", name);
	verb_row(v, &m);
}
