/* SPDX-License-Identifier: ISC
 *
 * verbs_route.c: mansio route add|list|change|remove: which way mail to a domain leaves.
 *
 * A row says where (host, or by MX), under which TLS, with which login and from which of
 * our addresses. A secret goes in and comes out for the sender alone (authd_link.c): no
 * verb shows it. It never goes out in the open: a login wants a server that TLS has
 * shown or hidden, or SCRAM (auth.c of the sender sends no other without TLS).
 */
#include <sysexits.h>

#include "auth/route.h"
#include "auth/verbs.h"
#include "mail/address.h"
#include "net/addr.h"

#define COMMENT_MAX 200
#define USER_MAX 255
#define SOURCES_MAX 16
#define PORT_MX 25
#define PORT_LOGIN 587

static const char *const tls_words[] = { "default", "verify", "encrypt", "may", "none", NULL };
static const char *const start_words[] = { "auto", "starttls", "implicit", NULL };
static const char *const mech_words[] = { "auto", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN",
	"XOAUTH2", NULL };

/* to= and sender_domain=: the key of the row. */
static int key(struct verb *v, struct directory_route *out)
{
	struct str to = ipc_get(v->m, "to"), from = ipc_get(v->m, "sender_domain"), name;
	bool below = to.n > 1 && to.p[0] == '.';

	if (to.n == 0)
		return verb_fail(v, EX_USAGE, "a domain is needed: example.net, .example.net for all below it, or *");
	out->from = STR("");
	if (from.n > 0 && verb_domain_text(v, from, &out->from) < 0)
		return -1;
	if (str_eqc(to, ROUTE_ANY)) {
		out->to = to;
		return 0;
	}
	if (verb_domain_text(v, below ? str_from(to, 1) : to, &name) < 0)
		return -1;
	out->to = below ? str_of(arena_fmt(&v->a, ".%.*s", STRF(name))) : name;
	return 0;
}

/* Absent: unchanged. */
static int word(struct verb *v, const char *name, const char *const *known, struct str *io)
{
	struct str given = ipc_get(v->m, name);
	char list[100] = "";
	size_t i, n = 0;

	if (!given.p)
		return 0;
	for (i = 0; known[i]; i++) {
		if (str_ieqc(given, known[i])) {
			*io = str_of(known[i]);
			return 0;
		}
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", known[i]);
	}
	return verb_fail(v, EX_DATAERR, "%s is one of %s", name, list);
}

static int text(struct verb *v, const char *name, size_t max, struct str *io)
{
	struct str given = ipc_get(v->m, name);

	if (!given.p)
		return 0;
	/* all but a password is shown */
	if (given.n > max || (strcmp(name, "password") == 0 ? str_has_ctl(given) || !str_is_utf8(given) : !str_is_line(given)))
		return verb_fail(v, EX_DATAERR, "%s: up to %zu bytes of UTF-8 without control characters", name, max);
	*io = given;
	return 0;
}

/* host=NAME[:PORT], empty: by MX. */
static int host(struct verb *v, struct directory_route *io)
{
	struct str given = ipc_get(v->m, "host"), name;
	uint16_t port = 0;
	bool literal = false;

	if (!given.p)
		return 0;
	io->host = STR("");
	io->port = 0;
	if (given.n == 0)
		return 0;
	if (addr_split_hostport(given, &name, &port, &literal) < 0)
		return verb_fail(v, EX_DATAERR, "host: '%.*s' is not a server (like relay.example.net:587)", STRF(given));
	if (!literal && verb_domain_text(v, name, &name) < 0)
		return -1;
	io->host = name;
	io->port = port;
	return 0;
}

/* source=ADDRESS[,ADDRESS...] */
static int source(struct verb *v, struct directory_route *io)
{
	struct str given = ipc_get(v->m, "source"), rest = given, one;
	struct addr addr;
	char t[ADDR_TEXT];
	struct buf b;
	size_t n = 0;
	int r = 0;

	if (!given.p)
		return 0;
	buf_init(&b, SOURCES_MAX * (ADDR_TEXT + 1));
	while (r == 0 && rest.n > 0) {
		one = str_trim(str_cut(&rest, ','));
		if (addr_parse(one, &addr) < 0)
			r = verb_fail(v, EX_DATAERR, "source: '%.*s' is not an IP address", STRF(one));
		else if (n++ == SOURCES_MAX)
			r = verb_fail(v, EX_DATAERR, "source: at most %d addresses", SOURCES_MAX);
		else
			buf_fmt(&b, "%s%s", b.n ? "," : "", addr_text(&addr, t));
	}
	if (r == 0)
		io->source = arena_str(&v->a, buf_view(&b));
	buf_done(&b);
	return r;
}

/* username= and password=; an empty name takes the login away. */
static int login(struct verb *v, struct directory_route *io)
{
	struct str before = io->user;

	if (text(v, "username", USER_MAX, &io->user) < 0 ||
		text(v, "password", ROUTE_SECRET_MAX, &io->secret) < 0)
		return -1;
	/* the secret of one name is not that of another */
	if (!str_eq(before, io->user) && !ipc_get(v->m, "password").p)
		io->secret = STR("");
	if (io->user.n == 0) {
		io->secret = STR("");
		io->mech = str_of(mech_words[0]);
	}
	return 0;
}

/* What a row as a whole must be. */
static int sound(struct verb *v, const struct directory_route *r)
{
	bool clear = str_eqc(r->tls, "none"), auto_mech = str_eqc(r->mech, "auto");

	if (r->host.n == 0 && r->source.n == 0 && str_eqc(r->tls, "default"))
		return verb_fail(v, EX_USAGE, "a route needs a host, a source address, or tls");
	if (r->user.n > 0 && r->host.n == 0)
		return verb_fail(v, EX_DATAERR, "a login belongs to a host, and there is none");
	if ((r->user.n > 0) != (r->secret.n > 0))
		return verb_fail(v, EX_USAGE, "a login is a name and a password");
	if (r->user.n > 0 && (str_eqc(r->tls, "default") || str_eqc(r->tls, "may")))
		return verb_fail(v, EX_DATAERR, "a login needs tls=verify or tls=encrypt (or none, with SCRAM)");
	if (clear && !auto_mech && !str_starts(r->mech, "SCRAM"))
		return verb_fail(v, EX_DATAERR, "without TLS the login is SCRAM only");
	if (clear && str_eqc(r->start, "implicit"))
		return verb_fail(v, EX_DATAERR, "start=implicit is TLS from the first byte, tls=none is without");
	return 0;
}

static void put(struct verb *v, struct directory_route *r, bool is_new)
{
	int e;

	if (word(v, "tls", tls_words, &r->tls) < 0 || word(v, "start", start_words, &r->start) < 0 ||
		word(v, "mech", mech_words, &r->mech) < 0 || host(v, r) < 0 || source(v, r) < 0 ||
		login(v, r) < 0 || text(v, "comment", COMMENT_MAX, &r->comment) < 0)
		return;
	if (is_new && r->user.n > 0 && !ipc_get(v->m, "tls").p)
		r->tls = STR("verify");
	if (r->host.n > 0 && r->port == 0)
		r->port = r->user.n > 0 ? PORT_LOGIN : PORT_MX;
	if (sound(v, r) < 0)
		return;
	e = v->d->ops->route_put ? v->d->ops->route_put(v->d, r, is_new) : E_UNSUPPORTED;
	if (e < 0)
		verb_error(v, e, "route to", r->to);
	else
		v->changed = true;
}

void verb_route_add(struct verb *v)
{
	struct directory_route r = { .host = STR(""), .tls = STR("default"), .start = STR("auto"),
		.mech = STR("auto"), .user = STR(""), .secret = STR(""), .source = STR(""), .comment = STR("") };

	if (key(v, &r) == 0)
		put(v, &r, true);
}

void verb_route_change(struct verb *v)
{
	struct directory_route k, r;
	int e;

	if (key(v, &k) < 0)
		return;
	e = v->d->ops->route ? v->d->ops->route(v->d, k.to, k.from, &v->a, &r) : E_UNSUPPORTED;
	if (e < 0)
		verb_error(v, e, "route to", k.to);
	else
		put(v, &r, false);
}

void verb_route_remove(struct verb *v)
{
	struct directory_route k;
	int e;

	if (key(v, &k) < 0)
		return;
	e = v->d->ops->route_remove ? v->d->ops->route_remove(v->d, k.to, k.from) : E_UNSUPPORTED;
	if (e < 0)
		verb_error(v, e, "route to", k.to);
	else
		v->changed = true;
}

static bool row(const struct directory_route *r, void *arg)
{
	struct str match = ipc_get(((struct verb *)arg)->m, "match");
	struct ipc_msg m;

	if (match.n > 0 && str_search(r->to, match) < 0 && str_search(r->host, match) < 0 &&
		str_search(r->from, match) < 0 && str_search(r->comment, match) < 0)
		return true;
	ipc_init(&m, "result");
	ipc_set(&m, "to", r->to);
	ipc_set(&m, "sender_domain", r->from);
	ipc_set(&m, "host", r->host);
	if (r->host.n > 0)
		ipc_set_u64(&m, "port", r->port);
	else
		ipc_setc(&m, "port", "");
	ipc_set(&m, "tls", r->tls);
	ipc_set(&m, "start", r->start);
	ipc_set(&m, "username", r->user);
	ipc_setc(&m, "password", r->secret.n > 0 ? "set" : "");
	ipc_set(&m, "mech", r->mech);
	ipc_set(&m, "source", r->source);
	ipc_set(&m, "comment", r->comment);
	verb_row(arg, &m);
	return true;
}

void verb_route_list(struct verb *v)
{
	int e = v->d->ops->routes ? v->d->ops->routes(v->d, row, v) : E_UNSUPPORTED;

	if (e < 0)
		verb_error(v, e, "route", STR(""));
}
