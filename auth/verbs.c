/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the table of verbs, and what they have in common: reading
 * arguments, answering rows and errors.
 */
#include "auth/verbs.h"

#include <sysexits.h>
#include <unicase.h>

#include "auth/password.h"
#include "auth/trouble.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "conf/program.h"
#include "conf/value.h"
#include "mail/address.h"

#define REPLY_WAIT_MS 5000
#define DAY_S 86400
#define WORKING_MS 1000

static const struct {
	const char *name;
	void (*run)(struct verb *v);
} table[] = {
	{ "domain add", verb_domain_add },
	{ "domain list", verb_domain_list },
	{ "domain show", verb_domain_show },
	{ "domain change", verb_domain_change },
	{ "domain remove", verb_domain_remove },
	{ "user add", verb_user_add },
	{ "user list", verb_user_list },
	{ "user show", verb_user_show },
	{ "user change", verb_user_change },
	{ "user remove", verb_user_remove },
	{ "user password", verb_user_password },
	{ "user forward", verb_user_forward },
	{ "user leave", verb_user_leave },
	{ "user invite", verb_user_invite },
	{ "invite redeem", verb_invite_redeem },
	{ "import users", verb_import_users },
	{ "alias add", verb_alias_add },
	{ "alias list", verb_alias_list },
	{ "alias show", verb_alias_show },
	{ "alias change", verb_alias_change },
	{ "alias remove", verb_alias_remove },
	{ "alias who", verb_alias_who },
	{ "route add", verb_route_add },
	{ "route list", verb_route_list },
	{ "route change", verb_route_change },
	{ "route remove", verb_route_remove },
	{ "access add", verb_access_add },
	{ "access list", verb_access_list },
	{ "access remove", verb_access_remove },
	{ "rewrite add", verb_rewrite_add },
	{ "rewrite list", verb_rewrite_list },
	{ "rewrite remove", verb_rewrite_remove },
	{ "srs rotate", verb_srs_rotate },
	{ "srs show", verb_srs_show },
	{ "directory list", verb_directory_list },
	{ "directory copy", verb_directory_copy },
	{ "directory check", verb_directory_check },
	{ "app-password add", verb_app_password_add },
	{ "app-password list", verb_app_password_list },
	{ "app-password remove", verb_app_password_remove },
	{ "send-as add", verb_send_as_add },
	{ "send-as list", verb_send_as_list },
	{ "send-as remove", verb_send_as_remove },
	{ "owner add", verb_owner_add },
	{ "owner list", verb_owner_list },
	{ "owner remove", verb_owner_remove },
	{ "totp on", verb_totp_on },
	{ "totp off", verb_totp_off },
	{ "totp show", verb_totp_show },
	{ "shared-secret set", verb_shared_secret_set },
	{ "shared-secret remove", verb_shared_secret_remove },
	{ "shared-secret show", verb_shared_secret_show },
	{ "security-key add", verb_security_key_add },
	{ "security-key list", verb_security_key_list },
	{ "security-key remove", verb_security_key_remove },
	{ "token add", verb_token_add },
	{ "token list", verb_token_list },
	{ "token remove", verb_token_remove },
	{ "token used", verb_token_used },
};

static void (*still_here)(void *arg);
static void *still_here_arg;

void verb_long(void (*fn)(void *arg), void *arg)
{
	still_here = fn;
	still_here_arg = arg;
}

void verb_working(void *unused)
{
	static int64_t said;
	int64_t now = clock_mono_ms();

	(void)unused;
	if (still_here && now - said >= WORKING_MS) {
		said = now;
		still_here(still_here_arg);
	}
}

int verb_fail(struct verb *v, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (v->code)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->code = code;
	v->error = arena_fmt(&v->a, "%s", text);
	return -1;
}

const char *verb_trouble(const struct verb *v, int err)
{
	bool stranger = ipc_get(v->m, "asker").p && !ipc_get_bool(v->m, "asker_admin");
	const char *words = err == E_TEMP && !stranger ? trouble_last() : NULL;

	return words ? words : err_text(err);
}

int verb_error(struct verb *v, int err, const char *what, struct str name)
{
	struct directory_alias al;

	switch (err) {
	case E_NOTFOUND:
		return verb_fail(v, EX_NOUSER, "there is no %s %.*s%s", what, STRF(name),
			strcmp(what, "user") == 0 && v->d->ops->alias(v->d, name, &v->a, &al) == 0 ? ": it is an alias" : "");
	case E_EXISTS:
		return verb_fail(v, EX_CANTCREAT, "%s %.*s exists already", what, STRF(name));
	case E_UNSUPPORTED:
		return verb_fail(v, EX_UNAVAILABLE, "%s %.*s is kept by the directory '%s' and cannot be changed here: change it there",
			what, STRF(name), v->d->kept ? v->d->kept : v->d->name);
	default:
		return verb_fail(v, EX_TEMPFAIL, "the directory failed: %s", verb_trouble(v, err));
	}
}

/* A command that does not read its answer may hold up the verbs behind it
 * for REPLY_WAIT_MS in all, then it gets no more rows. */
void verb_row(struct verb *v, struct ipc_msg *row)
{
	int64_t before = clock_mono_ms();

	if (v->reply >= 0 && v->waited_ms < REPLY_WAIT_MS) {
		program_result(v->reply, row);
		v->waited_ms += clock_mono_ms() - before;
	}
	ipc_done(row);
}

int verb_domain(struct verb *v, struct str *out)
{
	struct str given = ipc_get(v->m, "domain");

	if (given.n == 0)
		return verb_fail(v, EX_USAGE, "a domain is needed");
	return verb_domain_text(v, given, out);
}

int verb_domain_text(struct verb *v, struct str given, struct str *out)
{
	struct str local;
	char *probe;

	/* what can be behind the @ of an address, and nothing else */
	probe = arena_fmt(&v->a, "x@%.*s", STRF(given));
	if (given.n > ADDRESS_DOMAIN_MAX || strlen(probe) != given.n + 2 ||
	    address_read(str_of(probe), &v->a, &local, out) < 0)
		return verb_fail(v, EX_DATAERR, "'%.*s' is not a domain", STRF(given));
	return 0;
}

int verb_address(struct verb *v, struct str *local_out, struct str *domain_out)
{
	struct str given = ipc_get(v->m, "address");

	if (given.n == 0)
		return verb_fail(v, EX_USAGE, "an address is needed");
	if (address_read(given, &v->a, local_out, domain_out) < 0)
		return verb_fail(v, EX_DATAERR, "'%.*s' is not an address (like anna@example.org)",
			STRF(given));
	return 0;
}

int verb_bool(struct verb *v, const char *name, bool *io)
{
	struct str given = ipc_get(v->m, name);

	if (!given.p)
		return 0;
	if (str_eqc(given, "yes"))
		*io = true;
	else if (str_eqc(given, "no"))
		*io = false;
	else
		return verb_fail(v, EX_DATAERR, "%s is yes or no", name);
	return 0;
}

/* 1*DIGIT [ k / M / G / T ], binary; "none" is 0. */
static int size_read(struct str s, uint64_t *out)
{
	static const char units[] = "kmgt";
	uint64_t v, unit = 1;
	const char *u;

	if (str_eqc(s, "none")) {
		*out = 0;
		return 0;
	}
	u = s.n > 0 ? strchr(units, ascii_lower(s.p[s.n - 1])) : NULL;
	if (u && *u) {
		unit = (uint64_t)1 << (10 * (u - units + 1));
		s = str_sub(s, 0, s.n - 1);
	}
	if (str_u64(s, (uint64_t)INT64_MAX / unit, &v) < 0)
		return E_SYNTAX;
	*out = v * unit;
	return 0;
}

int verb_moment(struct verb *v, const char *name, uint64_t *io)
{
	struct str given = ipc_get(v->m, name);
	bool day = false;
	int64_t t = 0;

	if (!given.p)
		return 0;
	if (given.n > 0 && !str_eqc(given, "never") && (conf_date_parse(given, &t, &day) < 0 || t <= 0))
		return verb_fail(v, EX_DATAERR, "%s: a day like 2026-12-31, a moment like 2026-12-31T18:00 (UTC), or never", name);
	*io = (uint64_t)t + (day ? DAY_S : 0);
	return 0;
}

int verb_size(struct verb *v, const char *name, uint64_t *io)
{
	struct str given = ipc_get(v->m, name);

	if (given.p && size_read(given, io) < 0)
		return verb_fail(v, EX_DATAERR, "%s is a number like 500M or 2G, or none", name);
	return 0;
}

/* --- lists in parts -------------------------------------------------------------- */

#define PAGE_ROWS 10000 /* if no limit is said; 0: all */

bool verb_in_scope(const struct verb *v, struct str address, struct str domain)
{
	struct str scope;
	size_t i;

	for (i = 0; (scope = ipc_get_nth(v->m, "scope", i)).p; i++)
		if (str_eq(scope, domain) || str_eq(scope, address))
			return true;
	return i == 0;
}

/* In lower case and composed, as what is looked for. */
static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);
	uint8_t *made;
	size_t i, n = 0;

	if (!str_is_ascii(s) && (made = u8_tolower((const uint8_t *)s.p, s.n, NULL, UNINORM_NFC, NULL, &n)) != NULL) {
		p = arena_cstr(a, str_make(made, n));
		free(made);
		return str_make(p, n);
	}
	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, s.n);
}

int verb_page(struct verb *v, bool by_local, struct verb_page *out)
{
	struct str after = ipc_get(v->m, "after"), local, domain;

	*out = (struct verb_page){ .v = v, .limit = PAGE_ROWS, .begun = after.n == 0 };
	out->match = lower(&v->a, ipc_get(v->m, "match"));
	if (after.n > 0) {
		if (address_read(after, &v->a, &local, &domain) < 0)
			return verb_fail(v, EX_DATAERR, "after is an address");
		out->after_key = by_local ? local : address_name(local, domain, &v->a);
		out->after_domain = domain;
	}
	if (ipc_get(v->m, "limit").p && ipc_get_u64(v->m, "limit", INT64_MAX, &out->limit) < 0)
		return verb_fail(v, EX_DATAERR, "limit is a number");
	return 0;
}

bool verb_page_full(const struct verb_page *p)
{
	return p->limit > 0 && p->n >= p->limit;
}

/* What comes behind `after` begins with the first row that is larger, also if that one is gone. */
static bool is_after(const struct verb_page *p, struct str key, struct str domain)
{
	int c = str_cmp(domain, p->after_domain);

	return c > 0 || (c == 0 && str_cmp(key, p->after_key) > 0);
}

bool verb_page_shows(struct verb_page *p, struct str key, struct str address, struct str domain,
	struct str more)
{
	if (!p->begun && !is_after(p, key, domain))
		return false;
	p->begun = true;
	if (!p->no_scope && !verb_in_scope(p->v, address, domain))
		return false;
	if (p->match.n > 0 && str_search(lower(&p->v->a, address), p->match) < 0 &&
		str_search(lower(&p->v->a, more), p->match) < 0)
		return false;
	p->n++;
	return true;
}

static void answer(struct verb *v)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "done", 1);
	ipc_set_u64(&m, "code", (uint64_t)v->code);
	if (v->error)
		ipc_setc(&m, "error", v->error);
	if (v->partial)
		ipc_set_bool(&m, "partial", true);
	verb_row(v, &m);
}

void verb_ends(struct verb *v, struct str who)
{
	if (v->more)
		ipc_set(v->more, "ended", who);
}

void verb_expires(struct verb *v, struct str who, uint64_t when)
{
	if (when && when <= (uint64_t)clock_unix()) {
		verb_ends(v, who);
	} else if (when && v->more) {
		ipc_set(v->more, "expiring", who);
		ipc_set_u64(v->more, "expiring_at", when);
	}
}

bool verb_run(const struct resolver *r, const struct conf *conf, const struct shared_secret_key *shared_key, const struct ipc_msg *m, int reply,
	struct ipc_msg *more)
{
	struct verb v = { .m = m, .d = r->d, .resolver = r, .conf = conf, .shared_key = shared_key,
		.cost = (unsigned)conf->auth_yescrypt_cost, .iterations = (unsigned)conf->auth_scram_iterations,
		.kinds = scram_kinds(conf->auth_scram_keys.v, conf->auth_scram_keys.n),
		.reply = reply, .more = more };
	struct str name = ipc_get(m, "verb");
	size_t i;

	arena_init(&v.a);
	for (i = 0; i < ARRAY_LEN(table); i++)
		if (str_eqc(name, table[i].name))
			break;
	if (i < ARRAY_LEN(table))
		table[i].run(&v);
	else
		verb_fail(&v, EX_USAGE, "unknown verb '%.*s'", STRF(name));
	answer(&v);
	arena_done(&v.a);
	return v.changed;
}
