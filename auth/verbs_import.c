/* SPDX-License-Identifier: ISC
 *
 * verbs_import.c: mansio import users: people and aliases of other servers' files (userfile.h) become accounts and
 * aliases of domains that are here. The command reads the file and sends it in parts (master/import_users.c), each
 * a verb of its own; a part is done line by line, and what is done stays: run again, the rest follows.
 *
 * Invariants: what exists is left as it is, unless `replace` says otherwise; an account never takes an alias's
 * address, nor the other way round; a hash that could not be verified at a login is not taken; a clear password is
 * hashed here and kept nowhere. With dry_run nothing is written. An account that was here and has another hash now, or may
 * not log in now, has no session that the old one opened. A part is small enough for all of these to be named in one message.
 */
#include <sysexits.h>

#include "auth/auth.h"
#include "auth/password.h"
#include "auth/scheme.h"
#include "auth/userfile.h"
#include "auth/verbs.h"
#include "conf/conf.h"

struct part {
	struct verb *v;
	enum userfile_format format;
	struct str domain; /* of names without one; empty: none */
	bool dry_run, replace;
	uint64_t at; /* the line that is being done */
};

/* One row: result is new, changed, exists, skipped or bad. */
static void row(struct part *p, const char *kind, struct str address, const char *result, const char *words)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "where", str_of(arena_fmt(&p->v->a, "%.*s:%llu", STRF(ipc_get(p->v->m, "path")),
		(unsigned long long)p->at)));
	ipc_setc(&m, "kind", kind);
	/* what stands in a file may be anything */
	if (strcmp(result, "bad") == 0)
		address = str_cut(&address, ':'); /* of a file in another format: what follows may be a hash */
	ipc_set(&m, "address", str_is_utf8(address) && !str_has_ctl(address) ? str_sub(address, 0, 320) : STR("?"));
	ipc_setc(&m, "result", result);
	ipc_setc(&m, "words", words);
	verb_row(p->v, &m);
}

/* A name of the file in normal form, with the domain that was given for those that have none. */
static int address_of(struct part *p, struct str who, struct str *local, struct str *domain)
{
	if (str_find(who, '@') < 0) {
		if (p->domain.n == 0)
			return E_NOTFOUND;
		who = str_of(arena_fmt(&p->v->a, "%.*s@%.*s", STRF(who), STRF(p->domain)));
	}
	return address_read(who, &p->v->a, local, domain);
}

/* false: told. */
static bool address_good(struct part *p, const char *kind, struct str who, struct str *local, struct str *domain)
{
	struct directory_domain dom;
	int r = address_of(p, who, local, domain);

	if (r == 0)
		r = p->v->d->ops->domain(p->v->d, *domain, &p->v->a, &dom) == 0 ? 0 : E_EXISTS;
	if (r == 0)
		return true;
	row(p, kind, who, "bad", r == E_NOTFOUND ? "has no domain: say domain=DOMAIN" :
		r == E_EXISTS ? "its domain is not here: 'mansio domain add' makes it" : "is no address");
	return false;
}

/* --- accounts ------------------------------------------------------------------------ */

static int make_hash(struct part *p, struct str password, struct directory_account *acc)
{
	struct verb *v = p->v;
	struct buf hash, keys;
	int r;

	buf_init(&hash, 1024);
	buf_init(&keys, 2048);
	r = password_hash(password, v->cost, &hash);
	if (r == 0)
		r = scram_make_all(password, v->kinds, v->iterations, &keys);
	if (r == 0) {
		acc->hash = arena_str(&v->a, buf_view(&hash));
		acc->scram = arena_str(&v->a, buf_view(&keys));
	}
	buf_wipe(&hash);
	buf_wipe(&keys);
	return r;
}

/* Its name, and nothing of what stands behind it. */
static const char *unknown_scheme(struct part *p, struct str given)
{
	ssize_t end = str_find(given, '}');

	if (given.p[0] == '{' && end > 0)
		return arena_fmt(&p->v->a, "%s: %.*s", scheme_text(SCHEME_UNKNOWN), STRF(str_sub(given, 0, (size_t)end + 1)));
	return arena_fmt(&p->v->a, "%s; a password in clear has {PLAIN} before it", scheme_text(SCHEME_UNKNOWN));
}

/* The hash, or what is better: keys, and today's hash of a clear password. NULL, or what is wrong. */
static const char *take_hash(struct part *p, struct str given, struct directory_account *acc)
{
	const struct conf *c = p->v->conf;
	struct scheme_limits limits = { c->auth_hash_memory, (uint64_t)c->auth_hash_work }, takes;
	enum scheme_result r = given.n ? scheme_inspect(given, &limits, &takes) : SCHEME_GOOD;
	struct buf b;
	int e = 0;

	if (r == SCHEME_UNKNOWN)
		return unknown_scheme(p, given);
	if (r != SCHEME_GOOD)
		return scheme_text(r);
	acc->hash = given;
	acc->scram = STR("");
	buf_init(&b, SCHEME_TEXT_MAX);
	if (scheme_clear(given, &b))
		e = p->dry_run ? 0 : make_hash(p, buf_view(&b), acc);
	else if (scheme_scram_keys(given, &b))
		acc->scram = arena_str(&p->v->a, buf_view(&b));
	buf_wipe(&b);
	return e < 0 ? "its password cannot be hashed (UTF-8, at most 511 bytes)" : NULL;
}

/* was: as it was before; NULL: it is new. */
static void put_account(struct part *p, const struct directory_account *acc, const struct directory_account *was)
{
	struct verb *v = p->v;
	struct str name = address_name(acc->local, acc->domain, &v->a);
	int r = p->dry_run ? 0 : v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, !was) : E_UNSUPPORTED;

	if (r < 0) {
		row(p, "user", name, "bad", err_text(r));
		return;
	}
	v->changed = v->changed || !p->dry_run;
	if (was && !p->dry_run && (!str_eq(was->hash, acc->hash) || !acc->active))
		verb_ends(v, name);
	if (was && !p->dry_run && !acc->active)
		verb_ends_owned(v, name);
	row(p, "user", name, was ? "changed" : "new", acc->hash.n ? "" : "without a password: 'mansio user invite' gives its owner one");
}

static void account(struct part *p, const struct userfile_entry *e)
{
	struct directory_account acc = { .name = STR(""), .roles = STR(""), .forward = STR("") }, was;
	struct verb *v = p->v;
	struct directory_alias al;
	struct str local, domain, name;
	const char *why;
	int r;

	if (!address_good(p, "user", e->who, &local, &domain))
		return;
	name = address_name(local, domain, &v->a);
	r = v->d->ops->account(v->d, local, domain, &v->a, &acc);
	if (r < 0 && r != E_NOTFOUND) {
		verb_error(v, r, "user", name);
		return;
	}
	if (r == 0 && !p->replace) {
		row(p, "user", name, "exists", "left as it is");
		return;
	}
	if (r == 0 && acc.shared && e->hash.n) {
		row(p, "user", name, "bad", "is a shared mailbox here: it has no password");
		return;
	}
	if (r < 0 && v->d->ops->alias(v->d, name, &v->a, &al) != E_NOTFOUND) {
		row(p, "user", name, "bad", "is an alias here");
		return;
	}
	was = acc;
	acc.local = local;
	acc.domain = domain;
	acc.active = e->active;
	if (e->name.n)
		acc.name = e->name;
	if (e->has_quota) {
		acc.quota_bytes = e->quota_bytes;
		acc.quota_messages = e->quota_messages;
	}
	why = e->hash.n || r < 0 ? take_hash(p, e->hash, &acc) : NULL;
	if (why)
		row(p, "user", name, "bad", why);
	else
		put_account(p, &acc, r < 0 ? NULL : &was);
}

/* --- aliases ------------------------------------------------------------------------- */

static bool targets(struct part *p, const struct userfile_entry *e, struct str name, struct str *out)
{
	struct str local, domain;
	struct buf b;
	size_t i;
	bool good = true;

	buf_init(&b, IPC_MAX / 2);
	for (i = 0; good && i < e->ntargets; i++) {
		good = address_of(p, e->target[i], &local, &domain) == 0;
		if (good) {
			buf_str(&b, address_name(local, domain, &p->v->a));
			buf_c(&b, '\n');
		}
	}
	good = good && !b.err && e->ntargets <= AUTH_TARGETS_MAX;
	if (good)
		*out = arena_str(&p->v->a, buf_view(&b));
	else
		row(p, "alias", name, "bad", "a target is no address, or there are too many");
	buf_done(&b);
	return good;
}

static void alias(struct part *p, const struct userfile_entry *e)
{
	struct verb *v = p->v;
	struct directory_account acc;
	struct directory_alias al = { .unlisted = false }, before;
	struct str local, domain;
	int r;

	if (!address_good(p, "alias", e->who, &local, &domain))
		return;
	al.address = address_name(local, domain, &v->a);
	if (!targets(p, e, al.address, &al.targets))
		return;
	r = v->d->ops->account(v->d, local, domain, &v->a, &acc);
	if (r == 0) {
		/* Postfix wants a mailbox listed to itself, beside a catch-all */
		row(p, "alias", al.address, "skipped", e->ntargets == 1 && str_eq(str_trim(al.targets), al.address) ?
			"is an account, and leads to itself" : "is an account here: 'mansio user forward' sends its mail on");
		return;
	}
	r = v->d->ops->alias(v->d, al.address, &v->a, &before);
	if (r == 0 && (!p->replace || str_eq(before.targets, al.targets))) {
		row(p, "alias", al.address, "exists", "left as it is");
		return;
	}
	if (r == 0)
		al.unlisted = before.unlisted;
	if (r == 0 || r == E_NOTFOUND)
		r = p->dry_run ? r : v->d->ops->alias_put ? v->d->ops->alias_put(v->d, &al, domain, r < 0) == 0 ? r : E_TEMP :
			E_UNSUPPORTED;
	if (r < 0 && r != E_NOTFOUND) {
		verb_error(v, r, "alias", al.address);
		return;
	}
	v->changed = v->changed || !p->dry_run;
	row(p, "alias", al.address, r < 0 ? "new" : "changed", "");
}

/* --- the verb ------------------------------------------------------------------------ */

static int format_of(struct part *p)
{
	struct str given = ipc_get(p->v->m, "format");

	p->format = !given.n || str_eqc(given, "auto") ? userfile_detect(ipc_get(p->v->m, "head")) : userfile_format(given);
	if (p->format == USERFILE_UNKNOWN)
		return verb_fail(p->v, EX_USAGE, given.n && !str_eqc(given, "auto") ?
			"format is one of auto dovecot courier postfix shadow" :
			"the format of the file cannot be told: say format=dovecot, courier, postfix or shadow");
	return 0;
}

void verb_import_users(struct verb *v)
{
	struct part p = { .v = v, .domain = STR("") };
	struct str rest = ipc_get(v->m, "text"), line;
	struct userfile_entry e;
	uint64_t number = 0;
	size_t n = 0;
	const char *why;
	int r;

	if (!ipc_get(v->m, "text").p) {
		verb_fail(v, EX_USAGE, "the command sends the file");
		return;
	}
	if (format_of(&p) < 0 || (ipc_get(v->m, "domain").n > 0 && verb_domain(v, &p.domain) < 0) ||
		verb_bool(v, "dry_run", &p.dry_run) < 0 || verb_bool(v, "replace", &p.replace) < 0)
		return;
	if (ipc_get_u64(v->m, "line", INT64_MAX, &number) < 0)
		number = 0; /* lines before this part */
	while (v->code == 0 && userfile_next(&rest, &number, &v->a, &line, &p.at)) {
		if (++n > AUTH_IMPORT_LINES) {
			verb_fail(v, EX_USAGE, "a part has at most %d lines", AUTH_IMPORT_LINES);
			return;
		}
		r = userfile_parse(line, p.format, &e, &why);
		if (r < 1)
			row(&p, "line", e.who, r < 0 ? "bad" : "skipped", why);
		else if (e.alias)
			alias(&p, &e);
		else
			account(&p, &e);
	}
}
