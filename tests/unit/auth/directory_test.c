/* SPDX-License-Identifier: ISC
 *
 * The SQLite directory, what addresses mean, and the verbs that change it.
 */
#include "auth/directory_sqlite.h"
#include "auth/directory_stack.h"
#include "auth/resolve.h"
#include "auth/route.h"
#include "auth/rules.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "conf/conf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mansio-directory-XXXXXX";
static struct directory *d;
static struct resolver resolver;

/* Runs "noun verb" with name, value pairs; the code, and the rows' count and last row. */
static struct ipc_msg last_row;
static size_t rows;
static bool changed;

static struct conf *conf;

static int verb(const char *name, ...)
{
	struct ipc_msg m, answer;
	const char *key, *value;
	uint64_t code = 99;
	va_list ap;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", name);
	va_start(ap, name);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		ipc_setc(&m, key, value);
	}
	va_end(ap);
	if (!conf) {
		conf = conf_defaults();
		conf->auth_yescrypt_cost = 1;
		conf->auth_scram_iterations = 4096;
	}
	changed = verb_run(&(struct resolver){ .d = d, .separator = '+' }, conf, NULL, &m, pair[1], NULL);
	ipc_done(&m);
	close(pair[1]);
	ipc_done(&last_row);
	ipc_init(&last_row, "result");
	for (rows = 0; ipc_recv(pair[0], &answer) == 0; rows++) {
		assert_true(ipc_is(&answer, "result"));
		if (ipc_get_bool(&answer, "done")) {
			assert_int_equal(ipc_get_u64(&answer, "code", 255, &code), 0);
			assert_true((code == 0) == (ipc_get(&answer, "error").n == 0));
			ipc_done(&answer);
			break;
		}
		ipc_done(&last_row);
		last_row = answer;
	}
	close(pair[0]);
	return (int)code;
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(directory_sqlite_open(&d), 0);
	resolver = (struct resolver){ .d = d, .separator = '+', .default_quota = 0 };
	assert_int_equal(verb("domain add", "domain", "example.org", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "all.example", "catchall", "bob@example.org", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "loop.example", "catchall", "x@loop.example", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "off.example", "active", "no", NULL), 0);
	assert_int_equal(verb("user add", "address", "bob@example.org", "password", "geheim", NULL), 0);
	assert_int_equal(verb("user add", "address", "Anna@example.org", "password", "secret",
		"roles", "admin", "quota", "2G", "quota_messages", "1000", "name", "Anna A", NULL), 0);
	assert_int_equal(verb("user add", "address", "out@example.org", "password", "x", "active", "no", NULL), 0);
	assert_int_equal(verb("user add", "address", "u@off.example", "password", "x", NULL), 0);
	assert_int_equal(verb("alias add", "address", "info@example.org", "target", "anna@example.org",
		"target", "team@example.org", "target", "x@elsewhere.net", NULL), 0);
	assert_int_equal(verb("alias add", "address", "team@example.org", "target", "anna@example.org",
		"target", "bob+team@example.org", NULL), 0);
	assert_int_equal(verb("alias add", "address", "ping@example.org", "target", "pong@example.org", NULL), 0);
	assert_int_equal(verb("alias add", "address", "pong@example.org", "target", "ping@example.org", NULL), 0);
	assert_int_equal(verb("alias add", "address", "dead@example.org", "target", "nobody@example.org", NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	d->ops->close(d);
	ipc_done(&last_row);
	unlink("directory.db");
	unlink("directory.db-wal");
	unlink("directory.db-shm");
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

/* "anna@example.org+detail bob@example.org >x@elsewhere.net" */
static void describe(const struct auth_rcpt *v, struct buf *out)
{
	size_t i;

	for (i = 0; i < v->ntargets; i++) {
		buf_fmt(out, "%s%.*s", i ? " " : "", STRF(v->target[i].account));
		if (v->target[i].detail.n)
			buf_fmt(out, "+%.*s", STRF(v->target[i].detail));
	}
	for (i = 0; i < v->noutside; i++)
		buf_fmt(out, " >%.*s", STRF(v->outside[i]));
}

static void recipients(void **state)
{
	static const struct {
		const char *address;
		enum auth_result result;
		const char *targets;
	} table[] = {
		{ "anna@example.org", AUTH_OK, "anna@example.org" },
		{ "ANNA@EXAMPLE.ORG", AUTH_OK, "anna@example.org" },
		{ "anna+Lists@example.org", AUTH_OK, "anna@example.org+Lists" },
		{ "anna+a+b@example.org", AUTH_OK, "anna@example.org+a+b" },
		{ "anna+@example.org", AUTH_OK, "anna@example.org" },
		{ "out@example.org", AUTH_OK, "out@example.org" },
		{ "info@example.org", AUTH_OK, "anna@example.org bob@example.org+team >x@elsewhere.net" },
		{ "info+x@example.org", AUTH_OK, "anna@example.org bob@example.org+team >x@elsewhere.net" },
		{ "anything@all.example", AUTH_OK, "bob@example.org" },
		{ "postmaster@all.example", AUTH_OK, "bob@example.org" },
		{ "postmaster@example.org", AUTH_OK, "anna@example.org" },
		{ "Abuse@example.org", AUTH_OK, "anna@example.org" },
		{ "postmaster@loop.example", AUTH_UNKNOWN, "" },
		{ "x@loop.example", AUTH_UNKNOWN, "" },
		{ "ping@example.org", AUTH_UNKNOWN, "" },
		{ "dead@example.org", AUTH_UNKNOWN, "" },
		{ "nobody@example.org", AUTH_UNKNOWN, "" },
		{ "+x@example.org", AUTH_UNKNOWN, "" },
		{ "u@off.example", AUTH_NODOMAIN, "" },
		{ "x@elsewhere.net", AUTH_NODOMAIN, "" },
		{ "x@[192.0.2.1]", AUTH_NODOMAIN, "" },
		{ "' OR 1=1--@example.org", AUTH_NODOMAIN, "" },
		{ "a'||x@example.org", AUTH_UNKNOWN, "" },
		{ "%@example.org", AUTH_UNKNOWN, "" },
		{ "_nna@example.org", AUTH_UNKNOWN, "" },
		{ "anna", AUTH_NODOMAIN, "" },
		{ "", AUTH_NODOMAIN, "" },
	};
	struct auth_rcpt v;
	struct arena a;
	struct buf b;
	size_t i;

	(void)state;
	arena_init(&a);
	buf_init(&b, 4096);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		buf_reset(&b);
		assert_int_equal(resolve_rcpt(&resolver, str_of(table[i].address), &a, &v), 0);
		describe(&v, &b);
		if (v.result != table[i].result || strcmp(buf_cstr(&b), table[i].targets) != 0)
			fail_msg("%s: result %d '%s'", table[i].address, v.result, buf_cstr(&b));
	}
	buf_done(&b);
	arena_done(&a);
}

static void senders(void **state)
{
	static const struct {
		const char *user, *address;
		enum auth_result result;
	} table[] = {
		{ "anna@example.org", "anna@example.org", AUTH_OK },
		{ "anna@example.org", "Anna+x@Example.org", AUTH_OK },
		{ "anna@example.org", "info@example.org", AUTH_OK },
		{ "bob@example.org", "team@example.org", AUTH_OK },
		{ "bob@example.org", "anna@example.org", AUTH_DENIED },
		{ "bob@example.org", "any@all.example", AUTH_DENIED },
		{ "anna@example.org", "postmaster@example.org", AUTH_DENIED },
		{ "anna@example.org", "x@elsewhere.net", AUTH_NODOMAIN },
		{ "anna@example.org", "u@off.example", AUTH_DENIED },
		{ "anna@example.org", "x@[192.0.2.1]", AUTH_DENIED },
		{ "anna@example.org", "", AUTH_DENIED },
		{ "out@example.org", "out@example.org", AUTH_INACTIVE },
		{ "u@off.example", "u@off.example", AUTH_INACTIVE },
		{ "nobody@example.org", "nobody@example.org", AUTH_UNKNOWN },
	};
	enum auth_result r;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(resolve_sender(&resolver, str_of(table[i].user),
			str_of(table[i].address), &a, &r), 0);
		if (r != table[i].result)
			fail_msg("%s as %s: %d", table[i].user, table[i].address, r);
	}
	arena_done(&a);
}

static void a_deep_chain_is_cut(void **state)
{
	char from[64], to[64];
	struct auth_rcpt v;
	struct arena a;
	int i;

	(void)state;
	for (i = 0; i < 12; i++) {
		snprintf(from, sizeof(from), "c%d@example.org", i);
		snprintf(to, sizeof(to), i == 11 ? "anna@example.org" : "c%d@example.org", i + 1);
		assert_int_equal(verb("alias add", "address", from, "target", to, NULL), 0);
	}
	arena_init(&a);
	assert_int_equal(resolve_rcpt(&resolver, STR("c2@example.org"), &a, &v), 0);
	assert_int_equal(v.result, AUTH_OK);
	assert_int_equal(resolve_rcpt(&resolver, STR("c0@example.org"), &a, &v), 0);
	assert_int_equal(v.result, AUTH_UNKNOWN);
	arena_done(&a);
	for (i = 0; i < 12; i++) {
		snprintf(from, sizeof(from), "c%d@example.org", i);
		assert_int_equal(verb("alias remove", "address", from, NULL), 0);
	}
}

static void verbs_refuse_with_the_right_code(void **state)
{
	(void)state;
	assert_int_equal(verb("domain add", "domain", "Example.ORG", NULL), 73);
	assert_int_equal(verb("domain add", NULL), 64);
	assert_int_equal(verb("domain add", "domain", "..", NULL), 65);
	assert_int_equal(verb("domain add", "domain", "a b", NULL), 65);
	assert_int_equal(verb("domain show", "domain", "no.example", NULL), 67);
	assert_int_equal(verb("domain remove", "domain", "example.org", NULL), 73);
	assert_int_equal(verb("domain change", "domain", "example.org", "active", "maybe", NULL), 65);
	assert_int_equal(verb("user add", "address", "anna@example.org", "password", "x", NULL), 73);
	assert_int_equal(verb("user add", "address", "info@example.org", "password", "x", NULL), 73);
	assert_int_equal(verb("user add", "address", "new@no.example", "password", "x", NULL), 67);
	/* without a password: for an invitation */
	assert_int_equal(verb("user add", "address", "new@example.org", NULL), 0);
	assert_int_equal(verb("user remove", "address", "new@example.org", NULL), 0);
	assert_int_equal(verb("user add", "address", "new@example.org", "password", "", NULL), 64);
	assert_int_equal(verb("user add", "address", "../x", "password", "x", NULL), 65);
	assert_int_equal(verb("user add", "address", "n@example.org", "password", "x", "roles", "root", NULL), 65);
	assert_int_equal(verb("user add", "address", "n@example.org", "password", "x", "quota", "1X", NULL), 65);
	assert_int_equal(verb("user add", "address", "n@example.org", "password", "x", "quota", "99999999999999999999G", NULL), 65);
	assert_int_equal(verb("user add", "address", "n@example.org", "password", "x", "name", "a\nb", NULL), 65);
	assert_int_equal(verb("user password", "address", "nobody@example.org", "password", "x", NULL), 67);
	assert_int_equal(verb("user remove", "address", "nobody@example.org", NULL), 67);
	assert_int_equal(verb("alias add", "address", "anna@example.org", "target", "x@y.net", NULL), 73);
	assert_int_equal(verb("alias add", "address", "new@example.org", NULL), 64);
	assert_int_equal(verb("alias add", "address", "new@example.org", "target", "|/bin/sh", NULL), 65);
	assert_int_equal(verb("alias remove", "address", "new@example.org", NULL), 67);
	assert_int_equal(verb("user dance", NULL), 64);
	assert_false(changed);
}

static void a_user_changes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "address", "tmp@example.org", "password", "one", NULL), 0);
	assert_true(changed);
	assert_int_equal(verb("user change", "address", "tmp@example.org", "quota", "10k", "active", "no", NULL), 0);
	assert_int_equal(verb("user show", "address", "tmp@example.org", NULL), 0);
	assert_int_equal(rows, 1);
	assert_true(str_eqc(ipc_get(&last_row, "quota"), "10240"));
	assert_true(str_eqc(ipc_get(&last_row, "active"), "no"));
	assert_null(ipc_get(&last_row, "hash").p);
	assert_int_equal(verb("user password", "address", "tmp@example.org", "password", "two", NULL), 0);
	assert_int_equal(verb("user list", "domain", "example.org", NULL), 0);
	assert_int_equal(rows, 4);
	assert_int_equal(verb("user remove", "address", "tmp@example.org", NULL), 0);
	assert_int_equal(verb("user show", "address", "tmp@example.org", NULL), 67);
}

static struct auth_rcpt where(const char *address)
{
	static struct arena a;
	struct resolver r = { .d = d, .separator = '+' };
	struct auth_rcpt out;

	arena_done(&a);
	arena_init(&a);
	assert_int_equal(resolve_rcpt(&r, str_of(address), &a, &out), 0);
	return out;
}

static void a_forward_leads_on_and_never_loses(void **state)
{
	struct auth_rcpt w;

	(void)state;
	assert_int_equal(verb("domain add", "domain", "f.example", NULL), 0);
	assert_int_equal(verb("user add", "address", "x@f.example", "password", "p", NULL), 0);
	assert_int_equal(verb("user add", "address", "y@f.example", "password", "p", NULL), 0);
	assert_int_equal(verb("user forward", "address", "x@f.example", "target", "y@f.example", "target", "o@else.net", NULL), 0);
	assert_true(changed);
	w = where("x@f.example");
	assert_int_equal(w.ntargets, 2);
	assert_int_equal(w.noutside, 1);
	assert_int_equal(verb("user forward", "address", "x@f.example", "target", "y@f.example", "keep", "no", NULL), 0);
	w = where("x+detail@f.example");
	assert_int_equal(w.ntargets, 1);
	assert_true(str_eqc(w.target[0].account, "y@f.example"));
	/* a circle: the mail stays in a mailbox of it, whichever way it came in */
	assert_int_equal(verb("user forward", "address", "y@f.example", "target", "x@f.example", "keep", "no", NULL), 0);
	assert_int_equal(where("x@f.example").ntargets, 1);
	assert_int_equal(where("y@f.example").ntargets, 1);
	/* to nobody */
	assert_int_equal(verb("user forward", "address", "y@f.example", "target", "gone@f.example", "keep", "no", NULL), 0);
	w = where("y@f.example");
	assert_int_equal(w.ntargets, 1);
	assert_true(str_eqc(w.target[0].account, "y@f.example"));
	assert_int_equal(verb("user forward", "address", "x@f.example", "target", "X@f.example", NULL), 65);
	assert_int_equal(verb("user forward", "address", "x@f.example", "target", "|cmd", NULL), 65);
	assert_int_equal(verb("user forward", "address", "x@f.example", NULL), 0);
	assert_int_equal(where("x@f.example").ntargets, 1);
	assert_int_equal(verb("alias who", "address", "y@f.example", NULL), 0);
	assert_int_equal(rows, 3); /* its forward, nobody there, so its mailbox */
}

/* "host:port tls secret" of the route that counts, "-" if none does. */
static const char *way(const char *domain, const char *sender)
{
	static char text[300];
	struct directory_route v;
	struct arena a;
	int r;

	arena_init(&a);
	r = route_find(d, str_of(domain), str_of(sender), &a, &v);
	if (r == 0)
		snprintf(text, sizeof(text), "%.*s:%u %.*s %.*s", STRF(v.host), (unsigned)v.port, STRF(v.tls), STRF(v.secret));
	else
		snprintf(text, sizeof(text), "%s", r == E_NOTFOUND ? "-" : err_text(r));
	arena_done(&a);
	return text;
}

static void the_most_exact_route_counts(void **state)
{
	(void)state;
	assert_string_equal(way("a.example", ""), "-");
	assert_int_equal(verb("route add", "to", "*", "host", "any.example", NULL), 0);
	assert_true(changed);
	assert_int_equal(verb("route add", "to", ".a.example", "host", "below.example:2525", "tls", "may", NULL), 0);
	assert_int_equal(verb("route add", "to", "A.Example", "host", "[2001:db8::1]:465", "tls", "encrypt", NULL), 0);
	assert_int_equal(verb("route add", "to", "a.example", "sender_domain", "S.example", "source", "192.0.2.1, 2001:db8::2", NULL), 0);
	assert_string_equal(way("a.EXAMPLE", ""), "2001:db8::1:465 encrypt ");
	assert_string_equal(way("a.example", "other.example"), "2001:db8::1:465 encrypt ");
	assert_string_equal(way("a.example", "s.example"), ":0 default ");
	assert_string_equal(way("x.y.a.example", "s.example"), "below.example:2525 may ");
	assert_string_equal(way("ba.example", ""), "any.example:25 default ");
	assert_string_equal(way("[192.0.2.7]", ""), "any.example:25 default ");
	assert_string_equal(way("", ""), "-");
	assert_int_equal(verb("route list", NULL), 0);
	assert_int_equal(rows, 4);
	assert_int_equal(verb("route list", "match", "below", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("route remove", "to", "a.example", "sender_domain", "s.example", NULL), 0);
	assert_int_equal(verb("route remove", "to", "a.example", "sender_domain", "s.example", NULL), 67);
	assert_int_equal(verb("route remove", "to", "*", NULL), 0);
	assert_string_equal(way("ba.example", ""), "-");
	assert_int_equal(verb("route remove", "to", ".a.example", NULL), 0);
	assert_int_equal(verb("route remove", "to", "a.example", NULL), 0);
}

static void a_login_of_a_route_is_kept_and_not_shown(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(verb("route add", "to", "l.example", "host", "relay.example", "username", "u", "password", "hidden", NULL), 0);
	assert_string_equal(way("l.example", ""), "relay.example:587 verify hidden");
	assert_int_equal(verb("route list", NULL), 0);
	for (i = 0; i < last_row.nfields; i++)
		assert_true(str_search(last_row.field[i].value, STR("hidden")) < 0);
	assert_true(str_eqc(ipc_get(&last_row, "password"), "set"));
	assert_int_equal(verb("route change", "to", "l.example", "host", "other.example:26", NULL), 0);
	assert_string_equal(way("l.example", ""), "other.example:26 verify hidden");
	/* never without protection, nor another's name with this secret */
	assert_int_equal(verb("route change", "to", "l.example", "tls", "default", NULL), 65);
	assert_int_equal(verb("route change", "to", "l.example", "tls", "may", NULL), 65);
	assert_int_equal(verb("route change", "to", "l.example", "tls", "none", "mech", "plain", NULL), 65);
	assert_int_equal(verb("route change", "to", "l.example", "username", "v", NULL), 64);
	assert_int_equal(verb("route change", "to", "l.example", "host", "", NULL), 65);
	assert_string_equal(way("l.example", ""), "other.example:26 verify hidden");
	assert_int_equal(verb("route change", "to", "l.example", "username", "", NULL), 0);
	assert_string_equal(way("l.example", ""), "other.example:26 verify ");
	assert_int_equal(verb("route remove", "to", "l.example", NULL), 0);
}

static void what_is_no_route_is_refused(void **state)
{
	(void)state;
	assert_int_equal(verb("route add", NULL), 64);
	assert_int_equal(verb("route add", "to", "r.example", NULL), 64);
	assert_int_equal(verb("route add", "to", "a b", "host", "x.example", NULL), 65);
	assert_int_equal(verb("route add", "to", "*.example", "host", "x.example", NULL), 65);
	assert_int_equal(verb("route add", "to", "..", "host", "x.example", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x y", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x.example:70000", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "source", "192.0.2.1,nonsense", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x.example", "tls", "maybe", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x.example", "mech", "ANONYMOUS", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x.example", "tls", "none", "start", "implicit", NULL), 65);
	assert_int_equal(verb("route add", "to", "r.example", "host", "x.example", "username", "u", NULL), 64);
	assert_int_equal(verb("route change", "to", "r.example", "host", "x.example", NULL), 67);
	assert_false(changed);
}

/* What the rules say: "action text" of the row that counts, "-". */
static const char *rule(const char *kind, const char *who)
{
	struct resolver r = { .d = d, .separator = '+' };
	static char text[300];
	struct directory_rule v;
	struct arena a;
	int e;

	arena_init(&a);
	e = strcmp(kind, RULE_CLIENT) == 0 ? rule_for_client(&r, str_of(who), &a, &v) :
		rule_for_address(&r, kind, str_of(who), &a, &v);
	snprintf(text, sizeof(text), "%.*s", STRF(e == 0 ? v.action : STR("-")));
	arena_done(&a);
	return text;
}

static const char *rewritten(const char *kind, const char *address)
{
	struct resolver r = { .d = d, .separator = '+' };
	static char text[300];
	struct arena a;
	struct str out = STR("-");

	arena_init(&a);
	rule_rewrite(&r, kind, str_of(address), &a, &out);
	snprintf(text, sizeof(text), "%.*s", STRF(out));
	arena_done(&a);
	return text;
}

static void the_most_exact_rule_counts(void **state)
{
	static const char *const rows_in[][3] = { { "sender", "*", "hold" }, { "sender", ".spam.example", "reject" },
		{ "sender", "good.spam.example", "allow" }, { "sender", "Bad@good.spam.example", "reject" },
		{ "sender", "<>", "allow" }, { "client", "192.0.2.0/24", "reject" }, { "client", "192.0.2.9", "relay" },
		{ "client", "2001:db8::/32", "hold" }, { "recipient", "@x.example", "reject" } };
	static const char *const want[][3] = { { "sender", "a@b.example", "hold" }, { "sender", "a@spam.example", "hold" },
		{ "sender", "a@x.y.spam.example", "reject" }, { "sender", "a@GOOD.spam.example", "allow" },
		{ "sender", "bad@good.spam.example", "reject" }, { "sender", "bad+detail@good.spam.example", "reject" },
		{ "sender", "", "allow" }, { "sender", "a@[192.0.2.1]", "hold" }, { "client", "192.0.2.8", "reject" },
		{ "client", "192.0.2.9", "relay" }, { "client", "192.0.3.9", "-" }, { "client", "2001:db8:1::2", "hold" },
		{ "client", "2001:db9::2", "-" }, { "client", "", "-" }, { "recipient", "anybody@x.example", "reject" },
		{ "recipient", "anybody@y.x.example", "-" }, { "recipient", "' OR 1=1--@x.org", "-" } };
	unsigned kinds;
	size_t i;

	(void)state;
	assert_int_equal(d->ops->rule_kinds(d, &kinds), 0);
	assert_int_equal(kinds & RULES_CLIENT, 0);
	for (i = 0; i < ARRAY_LEN(rows_in); i++)
		assert_int_equal(verb("access add", "kind", rows_in[i][0], "who", rows_in[i][1], "action", rows_in[i][2], NULL), 0);
	assert_int_equal(d->ops->rule_kinds(d, &kinds), 0);
	assert_int_equal(kinds, RULES_CLIENT | RULES_SENDER | RULES_RECIPIENT);
	for (i = 0; i < ARRAY_LEN(want); i++)
		if (strcmp(rule(want[i][0], want[i][1]), want[i][2]) != 0)
			fail_msg("%s %s: %s, not %s", want[i][0], want[i][1], rule(want[i][0], want[i][1]), want[i][2]);
	assert_int_equal(verb("access list", NULL), 0);
	assert_int_equal(rows, ARRAY_LEN(rows_in));
	assert_int_equal(verb("rewrite list", NULL), 0);
	assert_int_equal(rows, 0);
	for (i = 0; i < ARRAY_LEN(rows_in); i++)
		assert_int_equal(verb("access remove", "kind", rows_in[i][0], "who", rows_in[i][1], NULL), 0);
	assert_int_equal(verb("access remove", "kind", "sender", "who", "*", NULL), 67);
}

static void addresses_are_rewritten_whole_or_by_domain(void **state)
{
	(void)state;
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "@inside.example.org", "new_address", "@Example.org", NULL), 0);
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "root@inside.example.org", "new_address", "anna@example.org", NULL), 0);
	assert_int_equal(verb("rewrite add", "kind", "recipient", "who", "old@example.org", "new_address", "x@elsewhere.net", NULL), 0);
	assert_string_equal(rewritten(RULE_REWRITE_SENDER, "Bob@INSIDE.example.org"), "bob@example.org");
	assert_string_equal(rewritten(RULE_REWRITE_SENDER, "root@inside.example.org"), "anna@example.org");
	assert_string_equal(rewritten(RULE_REWRITE_SENDER, "bob@example.org"), "-");
	assert_string_equal(rewritten(RULE_REWRITE_SENDER, ""), "-");
	assert_string_equal(rewritten(RULE_REWRITE_RECIPIENT, "old@example.org"), "x@elsewhere.net");
	assert_string_equal(rewritten(RULE_REWRITE_RECIPIENT, "old+a@example.org"), "-");
	assert_string_equal(rewritten(RULE_REWRITE_RECIPIENT, "root@inside.example.org"), "-");
	assert_int_equal(verb("rewrite list", NULL), 0);
	assert_int_equal(rows, 3);
	assert_int_equal(verb("rewrite remove", "kind", "sender", "who", "@inside.example.org", NULL), 0);
	assert_int_equal(verb("rewrite remove", "kind", "sender", "who", "root@inside.example.org", NULL), 0);
	assert_int_equal(verb("rewrite remove", "kind", "recipient", "who", "old@example.org", NULL), 0);
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const bad[][3] = { { "peer", "x.example", "reject" }, { "client", "x.example", "reject" },
		{ "client", "192.0.2.1/24", "reject" }, { "sender", "a b", "reject" }, { "sender", "..", "reject" },
		{ "recipient", "<>", "reject" }, { "sender", "x.example", "discard" }, { "sender", "x.example", "relay" },
		{ "sender", "*", "relay" }, { "recipient", "x.example", "relay" }, { "client", "0.0.0.0/0", "relay" },
		{ "client", "::/0", "relay" }, { "client", "64.0.0.0/7", "relay" }, { "client", "2000::/15", "relay" } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (verb("access add", "kind", bad[i][0], "who", bad[i][1], "action", bad[i][2], NULL) != 65)
			fail_msg("%s %s %s", bad[i][0], bad[i][1], bad[i][2]);
	assert_int_equal(verb("access add", "kind", "sender", "who", "x.example", "action", "reject", "text", "a\nb", NULL), 65);
	assert_int_equal(verb("rewrite add", "kind", "client", "who", "x.example", "new_address", "@y.example", NULL), 65);
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "<>", "new_address", "a@y.example", NULL), 65);
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "x.example", "new_address", "", NULL), 65);
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "x.example", "new_address", "|cmd", NULL), 65);
	assert_int_equal(verb("rewrite add", "kind", "sender", "who", "x.example", "new_address", "<>", NULL), 65);
	assert_false(changed);
}

static void a_backup_domain_has_the_recipients_that_are_listed(void **state)
{
	struct auth_rcpt w;

	(void)state;
	assert_int_equal(verb("domain add", "domain", "b.example", "backup", "yes", NULL), 0);
	assert_int_equal(verb("alias add", "address", "x@b.example", "target", "x@b.example", NULL), 0);
	assert_int_equal(verb("alias add", "address", "info@b.example", "target", "anna@example.org", NULL), 0);
	w = where("X@B.example");
	assert_int_equal(w.result, AUTH_OK);
	assert_int_equal(w.ntargets, 0);
	assert_int_equal(w.noutside, 1);
	assert_true(str_ieq(w.outside[0], STR("x@b.example")));
	w = where("x+d@b.example");
	assert_int_equal(w.noutside, 1);
	assert_true(str_eqc(w.outside[0], "x+d@b.example"));
	assert_int_equal(where("y@b.example").result, AUTH_UNKNOWN);
	assert_int_equal(where("postmaster@b.example").result, AUTH_UNKNOWN);
	assert_int_equal(where("info@b.example").ntargets, 1);
	/* it keeps no mail, and a domain with mail is none */
	assert_int_equal(verb("user add", "address", "u@b.example", "password", "p", NULL), 65);
	assert_int_equal(verb("domain change", "domain", "b.example", "catchall", "x@b.example", NULL), 65);
	assert_int_equal(verb("domain change", "domain", "example.org", "backup", "yes", NULL), 65);
	/* elsewhere an alias to itself leads nowhere */
	assert_int_equal(verb("domain change", "domain", "b.example", "backup", "no", NULL), 0);
	assert_int_equal(where("x@b.example").result, AUTH_UNKNOWN);
	assert_int_equal(verb("alias remove", "address", "x@b.example", NULL), 0);
	assert_int_equal(verb("alias remove", "address", "info@b.example", NULL), 0);
	assert_int_equal(verb("domain remove", "domain", "b.example", NULL), 0);
}

static char handed_out[200];

static void invite(const char *address)
{
	assert_int_equal(verb("user invite", "address", address, NULL), 0);
	snprintf(handed_out, sizeof(handed_out), "%.*s", STRF(str_from(ipc_get(&last_row, "link"),
		(size_t)(str_rfind(ipc_get(&last_row, "link"), '/') + 1))));
}

static void an_invitation_ends(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "address", "new@f.example", NULL), 0);
	invite("new@f.example");
	clock_set_unix(clock_unix() + 48 * 3600 + 1);
	assert_int_equal(verb("invite redeem", "invite", handed_out, "password", "p", NULL), 67);
	clock_set_unix(0);
	assert_int_equal(verb("invite redeem", "invite", handed_out, "password", "", NULL), 64);
	assert_int_equal(verb("invite redeem", "invite", handed_out, "password", "p", NULL), 0);
	assert_true(str_eqc(ipc_get(&last_row, "address"), "new@f.example"));
	assert_int_equal(verb("invite redeem", "invite", handed_out, "password", "p", NULL), 67);
	invite("new@f.example");
	assert_int_equal(verb("user remove", "address", "new@f.example", NULL), 0);
	assert_int_equal(verb("user add", "address", "new@f.example", NULL), 0);
	/* made for another account of that name */
	assert_int_equal(verb("invite redeem", "invite", handed_out, "password", "p", NULL), 67);
}

static void who_is_only_invited_does_not_switch_scram_off(void **state)
{
	bool any = false, complete = false;

	(void)state;
	assert_int_equal(verb("user add", "address", "later@f.example", NULL), 0);
	assert_int_equal(d->ops->scram_complete(d, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(complete);
}

static void numbers_of_accounts_are_never_given_again(void **state)
{
	struct directory_account v;
	struct arena a;
	uint64_t first;

	(void)state;
	arena_init(&a);
	assert_int_equal(verb("user add", "address", "t@example.org", "password", "x", NULL), 0);
	assert_int_equal(resolve_account(&resolver, STR("t@example.org"), &a, &v), 0);
	first = v.id;
	assert_int_equal(verb("user remove", "address", "t@example.org", NULL), 0);
	assert_int_equal(verb("user add", "address", "t@example.org", "password", "x", NULL), 0);
	assert_int_equal(resolve_account(&resolver, STR("t@example.org"), &a, &v), 0);
	assert_true(v.id > first);
	assert_int_equal(verb("user remove", "address", "t@example.org", NULL), 0);
	arena_done(&a);
}

static void scram_is_complete_while_every_active_account_has_keys(void **state)
{
	struct directory_account v;
	struct arena a;
	bool any, complete;

	(void)state;
	arena_init(&a);
	assert_int_equal(d->ops->scram_complete(d, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(complete);
	assert_int_equal(resolve_account(&resolver, STR("bob@example.org"), &a, &v), 0);
	assert_int_equal(d->ops->credentials(d, v.id, v.hash, v.hash, STR("")), 0);
	assert_int_equal(d->ops->scram_complete(d, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_false(complete);
	assert_int_equal(d->ops->credentials(d, v.id, v.hash, v.hash, v.scram), 0);
	/* a password that was set meanwhile stays */
	assert_int_equal(d->ops->credentials(d, v.id, STR(""), STR("hash"), STR("")), E_NOTFOUND);
	arena_done(&a);
}

static void two_connections_see_one_directory_and_one_secret(void **state)
{
	unsigned char a[DIRECTORY_SECRET], b[DIRECTORY_SECRET];
	struct directory *other;

	(void)state;
	assert_int_equal(directory_sqlite_open(&other), 0);
	assert_int_equal(d->ops->secret(d, a), 0);
	assert_int_equal(other->ops->secret(other, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	other->ops->close(other);
}

static void sql(const char *text)
{
	assert_int_equal(db_exec(((struct sqlite_directory *)d)->db, text), 0);
}

static char home[100]; /* of who was found last */

static bool has_account(const char *name)
{
	struct directory *stack = directory_stack(&d, 1, d);
	struct directory_account acc;
	struct arena a;
	int r;

	arena_init(&a);
	r = resolve_account(&(struct resolver){ .d = stack }, str_of(name), &a, &acc);
	if (r == 0)
		snprintf(home, sizeof(home), "%.*s", STRF(acc.home_local));
	arena_done(&a);
	free(stack);
	return r == 0;
}

/* Names of before they were compared without regard to case beyond ASCII. */
static void names_of_an_older_program(void **state)
{
	(void)state;
#define OLD(local) "INSERT INTO account(local, domain, name, hash, scram, quota_bytes, quota_messages, active, roles, created)" \
	" VALUES('" local "', 'example.org', '', '', '', 0, 0, 1, '', 0);"
	sql(OLD("\xc3\x9cnal") OLD("\xc3\x96zg\xc3\xbcr") OLD("\xc3\xb6zg\xc3\xbcr") OLD("\xc3\x84") OLD("A\xcc\x88") OLD("\xc3\xa9t\xc3\xa9")
		"INSERT INTO alias(address, domain, targets, created) VALUES('\xc3\x89mile@example.org', 'example.org', 'anna@example.org', 0);"
		"INSERT INTO delegation VALUES('send-as', 'anna@example.org', '\xc3\x9cnal@example.org', 0),"
		" ('owner', 'anna@example.org', '\xc3\x96zg\xc3\xbcr@example.org', 0);"
		"DELETE FROM setting WHERE name = 'names-mapped'");
	assert_false(has_account("\xc3\x9cnal@example.org"));
	d->ops->close(d);
	assert_int_equal(directory_sqlite_open(&d), 0);
	/* found, and its mail where it was */
	assert_true(has_account("\xc3\x9cnal@example.org") && has_account("\xc3\xbcnal@example.org"));
	assert_string_equal(home, "\xc3\x9cnal");
	assert_int_equal(identity_placed(d), 0);
	assert_int_equal(verb("send-as list", "who", "\xc3\xbcnal@example.org", NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(verb("alias show", "address", "\xc3\xa9mile@example.org", NULL), 0);
	assert_true(has_account("\xc3\xa9t\xc3\xa9@example.org"));
	/* whose rights would become another's stay as they are, and so do two that would be one */
	assert_int_equal(verb("owner list", "who", "\xc3\xb6zg\xc3\xbcr@example.org", NULL), 0);
	assert_int_equal(rows, 0);
	assert_false(has_account("\xc3\xa4@example.org"));
	assert_int_equal(verb("directory check", NULL), 65);
	assert_int_equal(rows, 3 + 1); /* and a right of one who is not found */
	/* once is enough */
	sql(OLD("\xc3\x9c" "ber"));
	d->ops->close(d);
	assert_int_equal(directory_sqlite_open(&d), 0);
	assert_false(has_account("\xc3\xbc" "ber@example.org"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients),
		cmocka_unit_test(senders),
		cmocka_unit_test(a_deep_chain_is_cut),
		cmocka_unit_test(verbs_refuse_with_the_right_code),
		cmocka_unit_test(a_user_changes_and_goes),
		cmocka_unit_test(a_forward_leads_on_and_never_loses),
		cmocka_unit_test(the_most_exact_route_counts),
		cmocka_unit_test(a_login_of_a_route_is_kept_and_not_shown),
		cmocka_unit_test(what_is_no_route_is_refused),
		cmocka_unit_test(the_most_exact_rule_counts),
		cmocka_unit_test(addresses_are_rewritten_whole_or_by_domain),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(a_backup_domain_has_the_recipients_that_are_listed),
		cmocka_unit_test(an_invitation_ends),
		cmocka_unit_test(who_is_only_invited_does_not_switch_scram_off),
		cmocka_unit_test(numbers_of_accounts_are_never_given_again),
		cmocka_unit_test(scram_is_complete_while_every_active_account_has_keys),
		cmocka_unit_test(two_connections_see_one_directory_and_one_secret),
		cmocka_unit_test(names_of_an_older_program),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
