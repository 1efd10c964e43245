/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the table of verbs, and what they have in common: reading
 * arguments, answering rows and errors.
 */
#include "auth/verbs.h"

#include <sysexits.h>

#include "base/clock.h"
#include "conf/program.h"
#include "mail/address.h"

#define REPLY_WAIT_MS 5000

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
	{ "alias add", verb_alias_add },
	{ "alias list", verb_alias_list },
	{ "alias show", verb_alias_show },
	{ "alias change", verb_alias_change },
	{ "alias remove", verb_alias_remove },
};

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

int verb_error(struct verb *v, int err, const char *what, struct str name)
{
	switch (err) {
	case E_NOTFOUND:
		return verb_fail(v, EX_NOUSER, "there is no %s %.*s", what, STRF(name));
	case E_EXISTS:
		return verb_fail(v, EX_CANTCREAT, "%s %.*s exists already", what, STRF(name));
	case E_UNSUPPORTED:
		return verb_fail(v, EX_UNAVAILABLE, "this directory is kept by others and cannot be changed here");
	default:
		return verb_fail(v, EX_TEMPFAIL, "the directory failed: %s", err_text(err));
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
	struct str given = ipc_get(v->m, "domain"), local;
	char *probe;

	if (given.n == 0)
		return verb_fail(v, EX_USAGE, "a domain is needed");
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

int verb_size(struct verb *v, const char *name, uint64_t *io)
{
	struct str given = ipc_get(v->m, name);

	if (given.p && size_read(given, io) < 0)
		return verb_fail(v, EX_DATAERR, "%s is a number like 500M or 2G, or none", name);
	return 0;
}

static void answer(struct verb *v)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "done", 1);
	ipc_set_u64(&m, "code", (uint64_t)v->code);
	if (v->error)
		ipc_setc(&m, "error", v->error);
	verb_row(v, &m);
}

bool verb_run(struct directory *d, unsigned cost, unsigned iterations, const struct ipc_msg *m,
	int reply)
{
	struct verb v = { .m = m, .d = d, .cost = cost, .iterations = iterations, .reply = reply };
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
