/* SPDX-License-Identifier: ISC
 *
 * SASL exchanges against a real directory: who gets in, and that names from
 * outside do nothing but fail (C15), with one query and one hash like others (C16).
 * One file, though a long one: all of it stands on one directory and the counters of what is asked of it.
 */
#include "auth/app_password.h"
#include "auth/cram.h"
#include "auth/delegation.h"
#include "auth/password.h"
#include "auth/sasl.h"
#include "base/clock.h"
#include "base/codec.h"
#include "conf/conf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mansio-sasl-XXXXXX";
static struct sasl_service service;
static struct directory *real;

/* The real directory, with a counter in front of its one query. */
static struct directory_ops counting;
static const struct directory_ops *uncounted;
static unsigned queries, hashes, devices, uses, shared;
static const char *service_name = "imaps";

bool __real_password_verify(struct str password, struct str hash);
bool __wrap_password_verify(struct str password, struct str hash);

/* The linker puts it in front of the real one. */
bool __wrap_password_verify(struct str password, struct str hash)
{
	hashes++;
	return __real_password_verify(password, hash);
}

static int counted(struct directory *d, struct str local, struct str domain, struct arena *a,
	struct directory_account *out)
{
	queries++;
	return uncounted->account(d, local, domain, a, out);
}

static int counted_device(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
	struct directory_app_password *out)
{
	devices++;
	return uncounted->app_password(d, v, digest, a, out);
}

static int counted_use(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer)
{
	uses++;
	return uncounted->app_password_used(d, account, id, when, peer);
}

static int counted_shared(struct directory *d, const struct directory_account *v, struct arena *a, struct directory_shared_secret *out)
{
	shared++;
	return uncounted->shared_secret(d, v, a, out);
}

bool __real_cram_good(const struct cram *c, struct str challenge, struct str secret);
bool __wrap_cram_good(const struct cram *c, struct str challenge, struct str secret);

/* The linker puts it in front of the real one. */
bool __wrap_cram_good(const struct cram *c, struct str challenge, struct str secret)
{
	hashes++;
	assert_true(secret.n == SHARED_SECRET_TEXT || !service.shared_key.there);
	return __real_cram_good(c, challenge, secret);
}

static void add(const char *local, const char *password, bool active, bool keys)
{
	struct directory_account acc = { .local = str_of(local), .domain = STR("example.org"),
		.name = STR(""), .roles = STR(""), .active = active };
	unsigned char salt[SCRAM_SALT] = "0123456789abcde";
	struct buf hash, scram;

	buf_init(&hash, 1024);
	buf_init(&scram, 1024);
	assert_int_equal(password_hash(str_of(password), 1, &hash), 0);
	if (keys)
		assert_int_equal(scram_make(str_of(password), SCRAM_SHA_256, 4096, salt, &scram), 0);
	acc.hash = buf_view(&hash);
	acc.scram = keys ? buf_view(&scram) : STR("");
	assert_int_equal(real->ops->account_put(real, &acc, true), 0);
	buf_done(&hash);
	buf_done(&scram);
}

static int setup(void **state)
{
	struct directory_domain dom = { .name = STR("example.org"), .active = true,
		.catchall = STR("") };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(sasl_setup(false), 0);
	assert_int_equal(directory_sqlite_open(&real), 0);
	assert_int_equal(real->ops->domain_put(real, &dom, true), 0);
	add("anna", "secret", true, true);
	add("bob", "geheim", true, true);
	add("off", "secret", false, true);
	add("old", "secret", true, false);
	uncounted = real->ops;
	counting = *uncounted;
	counting.account = counted;
	counting.app_password = counted_device;
	counting.app_password_used = counted_use;
	counting.shared_secret = counted_shared;
	real->ops = &counting;
	service.resolver = (struct resolver){ .d = real, .separator = '+' };
	service.cost = 1;
	service.iterations = 4096;
	service.kinds = SCRAM_SHA_256;
	service.limits = (struct scheme_limits){ 1 << 28, 5000000 };
	service.verified = verified_new(64);
	service.upgrade = true;
	service.scram = true;
	service.shared_key = shared_secret_key_of(STR("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
	buf_init(&service.dummy, 1024);
	assert_int_equal(real->ops->secret(real, service.secret), 0);
	return sasl_service_set(&service);
}

static int teardown(void **state)
{
	(void)state;
	verified_free(service.verified);
	buf_done(&service.dummy);
	buf_done(&service.shared_dummy);
	real->ops->close(real);
	unlink("directory.db");
	unlink("directory.db-wal");
	unlink("directory.db-shm");
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

static struct sasl_exchange *begin(const char *mech)
{
	struct sasl_start s = { .id = 1, .service = str_of(service_name), .mech = str_of(mech), .tls = true,
		.tls_bits = 256, .session = STR(""), .cb_exporter = STR("EXPORTER"),
		.cb_end_point = STR("ENDPOINT") };

	return sasl_exchange_new(&s);
}

static enum sasl_result plain(struct str message, struct sasl_outcome *o)
{
	struct sasl_exchange *x = begin("PLAIN");
	static char user[1024];

	queries = hashes = devices = uses = 0;
	sasl_exchange_step(x, message, o);
	snprintf(user, sizeof(user), "%.*s", STRF(o->user));
	o->user = str_of(user);
	sasl_exchange_free(x);
	return o->result;
}

static void the_right_password_gets_in(void **state)
{
	struct sasl_outcome o;

	(void)state;
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_true(str_eqc(o.user, "anna@example.org"));
	assert_int_equal(plain(STR("anna@example.org\0ANNA@Example.ORG\0secret"), &o), SASL_GOOD);
	assert_true(str_eqc(o.user, "anna@example.org"));
}

static void everything_else_fails(void **state)
{
	static const struct {
		struct str message;
		unsigned queries;
	} table[] = {
		{ STR("\0anna@example.org\0Secret"), 1 },
		{ STR("\0nobody@example.org\0secret"), 1 },
		{ STR("\0off@example.org\0secret"), 1 },
		{ STR("\0anna@example.com\0secret"), 1 },
		{ STR("bob@example.org\0anna@example.org\0secret"), 1 },
		{ STR("\0anna+x@example.org\0secret"), 1 },
		/* C15 */
		{ STR("\0' OR 1=1--\0x"), 0 },
		{ STR("\0'||(select 1)||'@example.org\0x"), 0 },
		{ STR("\0a'||pg_sleep(5)--@example.org\0x"), 0 },
		{ STR("\0*)(uid=*\0x"), 0 },
		{ STR("\0*@example.org\0x"), 1 },
		{ STR("\0%@example.org\0secret"), 1 },
		{ STR("\0\\2a@example.org\0x"), 0 },
		{ STR("\0%{password}@example.org\0x"), 1 },
		{ STR("\0%s%n@example.org\0x"), 1 },
		{ STR("\0\xff\xfe@example.org\0x"), 0 },
		{ STR("\0anna@example.org\nx\0secret"), 0 },
		{ STR("\0anna@example.org\0"), 0 },
		{ STR("\0\0secret"), 0 },
		{ STR("\0anna@example.org\0sec\0ret"), 0 },
		{ STR("\0anna@example.org"), 0 },
		{ STR("junk"), 0 },
		{ STR(""), 0 },
	};
	struct sasl_outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		enum sasl_result r = plain(table[i].message, &o);

		if (r != SASL_BAD && !(r == SASL_CONTINUES && table[i].message.n == 0))
			fail_msg("row %zu: %d", i, r);
		if (queries != table[i].queries)
			fail_msg("row %zu: %u queries", i, queries);
		assert_null(r == SASL_BAD ? o.data.p : NULL);
	}
}

/* C16: one hash and one query each, so that no answer comes sooner than another. */
static void known_and_unknown_cost_the_same(void **state)
{
	static const struct str table[] = { STR("\0anna@example.org\0Secret"),
		STR("\0nobody@example.org\0secret"), STR("\0off@example.org\0secret"),
		STR("\0anna@example.com\0secret") };
	struct sasl_outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(plain(table[i], &o), SASL_BAD);
		assert_int_equal(hashes, 1);
		assert_int_equal(queries, 1);
	}
}

/* auth/prepare.h: the same password typed elsewhere. Two hashes at most, and for any name as many. */
static void other_forms_of_a_password_log_in_and_cost_the_same_for_every_name(void **state)
{
	static const struct str good[] = { STR("\0uml@example.org\0p\xc3\xa4ss word"), STR("\0uml@example.org\0pa\xcc\x88ss word"),
		STR("\0uml@example.org\0p\xc3\xa4ss\xc2\xa0word"), STR("\0uml@example.org\0\xef\xbd\x90\xc3\xa4ss word") };
	static const struct str wrong[] = { STR("\0uml@example.org\0pa\xcc\x88ss_word"), STR("\0nobody@example.org\0pa\xcc\x88ss word"),
		STR("\0off@example.org\0pa\xcc\x88ss word"), STR("\0anna@example.org\0pa\xcc\x88ss word") };
	struct sasl_outcome o;
	size_t i;

	(void)state;
	add("uml", "pa\xcc\x88ss\xc2\xa0word", true, true); /* however it was typed then */
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(plain(good[i], &o), SASL_GOOD);
		assert_int_equal(hashes, i ? 2 : 1);
	}
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(plain(wrong[i], &o), SASL_BAD);
		assert_int_equal(hashes, 2);
		assert_int_equal(queries, 1);
	}
	assert_int_equal(plain(STR("\0uml@example.org\0P\xc3\xa4SS WORD"), &o), SASL_BAD);
}

static void set_hash(const char *local, const char *hash)
{
	struct directory_account v;
	struct arena a;

	arena_init(&a);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &v), 0);
	v.hash = str_of(hash);
	assert_int_equal(real->ops->account_put(real, &v, false), 0);
	arena_done(&a);
}

#define SHA_OF_DECOMPOSED "y+3WaiGCaJMgeMjIheFOgwTFyfY="

/* Hashes that people bring are of what they typed. */
static void a_hash_of_a_form_that_is_not_prepared_is_good_as_given(void **state)
{
	struct sasl_outcome o;

	(void)state;
	service.upgrade = false;
	add("brought", "x", true, false);
	set_hash("brought", "{SHA}" SHA_OF_DECOMPOSED);
	assert_int_equal(plain(STR("\0brought@example.org\0pa\xcc\x88ss"), &o), SASL_GOOD);
	assert_int_equal(plain(STR("\0brought@example.org\0p\xc3\xa4ss"), &o), SASL_BAD);
	service.upgrade = true;
	assert_int_equal(plain(STR("\0brought@example.org\0pa\xcc\x88ss"), &o), SASL_GOOD);
	assert_int_equal(plain(STR("\0brought@example.org\0p\xc3\xa4ss"), &o), SASL_GOOD); /* ours now: of the prepared form */
}

static void an_overlong_password_fails_like_a_wrong_one(void **state)
{
	static char message[8192];
	struct sasl_outcome o;

	(void)state;
	memset(message, 'x', sizeof(message));
	memcpy(message, "\0anna@example.org\0", 18);
	assert_int_equal(plain(str_make(message, sizeof(message)), &o), SASL_BAD);
	assert_int_equal(queries, 1);
}

static void an_old_account_gets_keys_at_its_login(void **state)
{
	struct directory_account v;
	struct sasl_outcome o;
	struct arena a;

	(void)state;
	service.upgrade = false;
	assert_int_equal(plain(STR("\0old@example.org\0secret"), &o), SASL_GOOD);
	assert_false(o.upgraded);
	service.upgrade = true;
	assert_int_equal(plain(STR("\0old@example.org\0secret"), &o), SASL_GOOD);
	assert_true(o.upgraded);
	arena_init(&a);
	assert_int_equal(resolve_account(&service.resolver, STR("old@example.org"), &a, &v), 0);
	assert_false(scram_outdated(v.scram, SCRAM_SHA_256, 4096));
	arena_done(&a);
	assert_int_equal(plain(STR("\0old@example.org\0secret"), &o), SASL_GOOD);
	assert_false(o.upgraded);
}

/* A wrong password takes our hash's time, however cheap the account's own is (C16). */
static void old_and_broken_hashes_cost_what_ours_does(void **state)
{
	static const char *const table[] = { "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "{PLAIN}secret", "{NTLM}00", "{SHA}" };
	struct sasl_outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		set_hash("old", table[i]);
		assert_int_equal(plain(STR("\0old@example.org\0wrong"), &o), SASL_BAD);
		assert_int_equal(hashes, 1);
		assert_int_equal(queries, 1);
		assert_string_equal(o.why, i < 2 ? "wrong password" : i == 2 ? "the stored hash is of a scheme that is not known here" :
			"the stored hash has not the form of its scheme");
	}
	set_hash("old", table[0]);
	assert_int_equal(plain(STR("\0old@example.org\0secret"), &o), SASL_GOOD);
	assert_true(o.upgraded);
	assert_int_equal(plain(STR("\0old@example.org\0secret"), &o), SASL_GOOD);
	assert_false(o.upgraded);
}

static void share(const char *local, const char *secret)
{
	struct directory_shared_secret s = { .since = 1 };
	struct directory_account v;
	struct buf sealed;
	struct arena a;

	arena_init(&a);
	buf_init(&sealed, 512);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &v), 0);
	assert_int_equal(shared_secret_seal(&service.shared_key, v.id, str_of(secret), &sealed), 0);
	s.sealed = buf_view(&sealed);
	assert_int_equal(real->ops->shared_secret_put(real, v.id, &s), 0);
	buf_done(&sealed);
	arena_done(&a);
}

static enum sasl_result cram(const char *name, const char *secret, struct sasl_outcome *o)
{
	struct sasl_exchange *x = begin("CRAM-MD5");
	unsigned char md[16];
	struct buf answer;

	queries = hashes = shared = 0;
	buf_init(&answer, 512);
	sasl_exchange_step(x, STR_NONE, o);
	assert_int_equal(o->result, SASL_CONTINUES);
	assert_non_null(HMAC(EVP_md5(), secret, (int)strlen(secret), (const unsigned char *)o->data.p, o->data.n, md, NULL));
	buf_fmt(&answer, "%s ", name);
	hex_encode(str_make(md, sizeof(md)), &answer);
	sasl_exchange_step(x, buf_view(&answer), o);
	sasl_exchange_free(x);
	buf_done(&answer);
	return o->result;
}

/* One that nobody has costs what one of somebody costs (C16). */
static void shared_secrets_are_for_cram_md5_alone(void **state)
{
	static const struct {
		const char *name, *secret, *why;
	} bad[] = { { "anna@example.org", "an0ther0ne0f24characters", "wrong shared secret" }, { "bob@example.org", "a0secret0of024characters", "no shared secret" },
		{ "off@example.org", "a0secret0of024characters", "account may not log in" }, { "nobody@example.org", "a0secret0of024characters", "no such account" },
		{ "anna@example.org", "secret", "wrong shared secret" } };
	struct shared_secret_key before = service.shared_key;
	struct sasl_exchange *x;
	struct sasl_outcome o;
	size_t i;

	(void)state;
	share("anna", "a0secret0of024characters");
	share("off", "a0secret0of024characters");
	assert_int_equal(cram("ANNA@example.org", "a0secret0of024characters", &o), SASL_GOOD);
	assert_true(queries == 1 && shared == 1 && hashes == 1);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(cram(bad[i].name, bad[i].secret, &o), SASL_BAD);
		assert_string_equal(o.why, bad[i].why);
		assert_true(queries == 1 && shared == 1 && hashes == 1);
	}
	assert_int_equal(plain(STR("\0anna@example.org\0a0secret0of024characters"), &o), SASL_BAD);
	/* the server begins (RFC 4954 4), and a response comes once */
	x = begin("CRAM-MD5");
	sasl_exchange_step(x, STR("anna@example.org b913a602c7eda7a495b4e6e7334d3890"), &o);
	assert_int_equal(o.result, SASL_BAD);
	sasl_exchange_step(x, STR_NONE, &o);
	assert_int_equal(o.result, SASL_BAD);
	sasl_exchange_free(x);
	/* of another host: it is not opened, and nobody gets in by what stands in its place */
	service.shared_key.key[0] ^= 1;
	assert_int_equal(sasl_service_set(&service), 0);
	assert_int_equal(cram("anna@example.org", "a0secret0of024characters", &o), SASL_BAD);
	assert_string_equal(o.why, "the shared secret was sealed with another key");
	/* and without a key */
	service.shared_key.there = false;
	assert_int_equal(sasl_service_set(&service), 0);
	assert_int_equal(cram("anna@example.org", "nobody's", &o), SASL_BAD);
	service.shared_key = before;
	assert_int_equal(sasl_service_set(&service), 0);
}

static void a_login_of_a_moment_ago_costs_no_hash(void **state)
{
	struct sasl_outcome o;

	(void)state;
	service.login_cache_ms = 60000;
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_int_equal(hashes, 1);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_int_equal(hashes, 0);
	assert_int_equal(queries, 1);
	/* a wrong one costs what it always did, and spoils nothing */
	assert_int_equal(plain(STR("\0anna@example.org\0Secret"), &o), SASL_BAD);
	assert_int_equal(hashes, 1);
	assert_int_equal(plain(STR("\0bob@example.org\0secret"), &o), SASL_BAD);
	assert_int_equal(hashes, 1);
	assert_int_equal(plain(STR("\0off@example.org\0secret"), &o), SASL_BAD);
	assert_int_equal(plain(STR("\0off@example.org\0secret"), &o), SASL_BAD);
	assert_int_equal(hashes, 1);
	/* another hash: the old password is worth nothing */
	set_hash("old", "{PLAIN}first");
	assert_int_equal(plain(STR("\0old@example.org\0first"), &o), SASL_GOOD);
	assert_true(o.upgraded);
	assert_int_equal(plain(STR("\0old@example.org\0first"), &o), SASL_GOOD);
	assert_int_equal(hashes, 0);
	set_hash("old", "{PLAIN}second");
	assert_int_equal(plain(STR("\0old@example.org\0first"), &o), SASL_BAD);
	assert_int_equal(plain(STR("\0old@example.org\0second"), &o), SASL_GOOD);
	service.login_cache_ms = 0;
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_int_equal(hashes, 1);
}

/* --- app passwords ------------------------------------------------------------------ */

#define DEVICE "abcde-fghjk-mnpqr-stuvw"

static struct str device_owner; /* of the next one */

static void device(const char *local, const char *id, const char *text, const char *protocols, uint64_t expires)
{
	struct directory_app_password v = { .id = str_of(id), .label = STR("phone"), .protocols = str_of(protocols),
		.created = 1, .expires = expires, .owner = device_owner };
	char digest[SECRET_HEX + 1];
	struct directory_account acc;
	struct arena a;

	arena_init(&a);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &acc), 0);
	assert_true(app_password_digest(str_of(text), digest));
	v.digest = str_of(digest);
	assert_int_equal(real->ops->app_password_add(real, acc.id, &v), 0);
	arena_done(&a);
}

static void remove_device(const char *local, const char *id)
{
	struct directory_account acc;
	struct arena a;

	arena_init(&a);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &acc), 0);
	assert_int_equal(real->ops->app_password_remove(real, acc.id, str_of(id)), 0);
	arena_done(&a);
}

static void an_app_password_gets_in_without_a_hash_until_it_is_removed(void **state)
{
	struct sasl_outcome o;

	(void)state;
	service.login_cache_ms = 60000;
	device("anna", "d1", DEVICE, APP_PASSWORD_ALL, 0);
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(hashes, 0);
	assert_int_equal(uses, 1);
	assert_int_equal(o.expires, 0);
	assert_false(o.upgraded);
	/* its use is written down once an hour */
	assert_int_equal(plain(STR("\0anna@example.org\0ABCDE FGHJK mnpqr stuvw"), &o), SASL_GOOD);
	assert_int_equal(uses, 0);
	/* it is hers alone, not the page's, and an inactive account's is worth nothing */
	device("off", "d1", DEVICE, APP_PASSWORD_ALL, 0);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	assert_int_equal(plain(STR("\0off@example.org\0" DEVICE), &o), SASL_BAD);
	service_name = "web";
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_BAD);
	assert_int_equal(devices, 0);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	service_name = "imaps";
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	remove_device("anna", "d1");
	remove_device("off", "d1");
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_BAD);
	service.login_cache_ms = 0;
}

static void ends(const char *local, uint64_t when)
{
	struct directory_account acc;
	struct arena a;

	arena_init(&a);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &acc), 0);
	acc.expires = when;
	assert_int_equal(real->ops->account_put(real, &acc, false), 0);
	arena_done(&a);
}

static void an_app_password_of_an_owner_is_good_while_he_is_one(void **state)
{
	const struct directory_delegation row = { STR(DELEGATION_OWNER), STR("bob@example.org"), STR("anna@example.org"), 0 };
	const struct directory_delegation other = { STR(DELEGATION_SEND_AS), STR("bob@example.org"), STR("anna@example.org"), 0 };
	uint64_t now = (uint64_t)clock_unix();
	struct sasl_outcome o;

	(void)state;
	device_owner = STR("anna@example.org");
	device("bob", "o1", DEVICE, APP_PASSWORD_ALL, 0);
	device_owner = STR_NONE;
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	assert_int_equal(real->ops->delegation_add(real, &other), 0);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	assert_int_equal(real->ops->delegation_add(real, &row), 0);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_true(o.expires == 0 && !o.lasting && str_eqc(o.user, "bob@example.org"));
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_BAD);
	ends("anna", now + 1000);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(o.expires, now + 1000);
	ends("anna", now - 1);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	ends("anna", 0);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(real->ops->delegation_remove(real, &row), 0);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	assert_int_equal(real->ops->delegation_remove(real, &other), 0);
	remove_device("bob", "o1");
}

static void an_account_that_ended_lets_nobody_in(void **state)
{
	uint64_t now = (uint64_t)clock_unix();
	struct sasl_outcome o;

	(void)state;
	device("anna", "d1", DEVICE, APP_PASSWORD_ALL, now + 2000);
	ends("anna", now + 1000);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_int_equal(o.expires, now + 1000);
	assert_false(o.lasting);
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(o.expires, now + 1000);
	ends("anna", now + 3000);
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(o.expires, now + 2000);
	/* the wrong password costs what it did */
	ends("anna", now - 1);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_BAD);
	assert_int_equal(hashes, 1);
	assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_BAD);
	ends("anna", 0);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	assert_int_equal(o.expires, 0);
	assert_true(o.lasting);
	remove_device("anna", "d1");
}

static void it_is_good_for_its_protocols_and_its_time(void **state)
{
	static const char later[] = "bbbbb-bbbbb-bbbbb-bbbbb", over[] = "ccccc-ccccc-ccccc-ccccc";
	uint64_t now = (uint64_t)clock_unix();
	struct sasl_outcome o;

	(void)state;
	device("bob", "d1", DEVICE, "pop3,submission", 0);
	device("bob", "d2", later, "imap", now + 1000);
	device("bob", "d3", over, "imap", now - 1);
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_BAD);
	assert_string_equal(o.why, "the app password is not for this protocol");
	assert_int_equal(hashes, 1);
	assert_int_equal(plain(STR("\0bob@example.org\0bbbbbbbbbbbbbbbbbbbb"), &o), SASL_GOOD);
	assert_int_equal(o.expires, now + 1000);
	assert_int_equal(plain(STR("\0bob@example.org\0ccccc-ccccc-ccccc-ccccc"), &o), SASL_BAD);
	assert_string_equal(o.why, "the app password has expired");
	assert_int_equal(hashes, 1);
	service_name = "pop3s";
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_GOOD);
	assert_int_equal(plain(STR("\0bob@example.org\0bbbbbbbbbbbbbbbbbbbb"), &o), SASL_BAD);
	service_name = "submission";
	assert_int_equal(plain(STR("\0bob@example.org\0" DEVICE), &o), SASL_GOOD);
	service_name = "imaps";
	remove_device("bob", "d1");
	remove_device("bob", "d2");
	remove_device("bob", "d3");
}

/* C16: whoever it is, one query for the account, one for the device, one hash. */
static void a_wrong_app_password_costs_the_same_for_every_name(void **state)
{
	static const struct str table[] = { STR("\0anna@example.org\0" DEVICE), STR("\0bob@example.org\0" DEVICE),
		STR("\0nobody@example.org\0" DEVICE), STR("\0off@example.org\0" DEVICE), STR("\0anna@example.com\0" DEVICE) };
	struct sasl_outcome o;
	size_t i;

	(void)state;
	device("bob", "d1", DEVICE, "pop3", 0);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(plain(table[i], &o), SASL_BAD);
		assert_int_equal(queries, 1);
		assert_int_equal(devices, 1);
		assert_int_equal(hashes, 1);
		assert_int_equal(uses, 0);
	}
	remove_device("bob", "d1");
}

static void login_asks_twice(void **state)
{
	struct sasl_exchange *x = begin("LOGIN");
	struct sasl_outcome o;

	(void)state;
	sasl_exchange_step(x, STR_NONE, &o);
	assert_int_equal(o.result, SASL_CONTINUES);
	sasl_exchange_step(x, STR("anna@example.org"), &o);
	assert_int_equal(o.result, SASL_CONTINUES);
	sasl_exchange_step(x, STR("secret"), &o);
	assert_int_equal(o.result, SASL_GOOD);
	sasl_exchange_free(x);
}

/* --- SCRAM (RFC 5802, the client's side) ---------------------------------------- */

static void hmac256(struct str key, struct str data, unsigned char out[32])
{
	unsigned n = 32;

	assert_non_null(HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)data.p, data.n,
		out, &n));
}

static struct str attribute(struct str message, const char *name)
{
	struct str part;

	while (message.p) {
		part = str_cut(&message, ',');
		if (str_starts(part, name))
			return str_from(part, 2);
	}
	fail_msg("no %s", name);
	return STR_NONE;
}

static void proof(struct str password, struct str server_first, struct str auth_message,
	struct buf *out)
{
	unsigned char salted[32], client[32], stored[32], signature[32];
	struct buf salt;
	uint64_t iterations;
	int i;

	buf_init(&salt, 256);
	assert_int_equal(base64_decode(attribute(server_first, "s="), &salt), 0);
	assert_int_equal(str_u64(attribute(server_first, "i="), 1000000, &iterations), 0);
	assert_int_equal(PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (unsigned char *)salt.p,
		(int)salt.n, (int)iterations, EVP_sha256(), 32, salted), 1);
	hmac256(str_make(salted, 32), STR("Client Key"), client);
	EVP_Digest(client, 32, stored, NULL, EVP_sha256(), NULL);
	hmac256(str_make(stored, 32), auth_message, signature);
	for (i = 0; i < 32; i++)
		client[i] ^= signature[i];
	base64_encode(str_make(client, 32), out);
	buf_done(&salt);
}

static enum sasl_result scram(const char *mech, const char *gs2, struct str binding,
	const char *user, const char *password)
{
	struct sasl_exchange *x = begin(mech);
	struct buf first, bare, final, message, cb;
	struct sasl_outcome o;

	buf_init(&first, 4096);
	buf_init(&bare, 4096);
	buf_init(&final, 4096);
	buf_init(&message, 16384);
	buf_init(&cb, 4096);
	buf_fmt(&bare, "n=%s,r=rOprNGfwEbeRWgbNEkqO", user);
	buf_fmt(&first, "%s%s", gs2, buf_cstr(&bare));
	sasl_exchange_step(x, buf_view(&first), &o);
	if (o.result == SASL_CONTINUES) {
		buf_puts(&cb, gs2);
		buf_str(&cb, binding);
		buf_puts(&final, "c=");
		base64_encode(buf_view(&cb), &final);
		buf_fmt(&final, ",r=%.*s", STRF(attribute(o.data, "r=")));
		buf_fmt(&message, "%s,%.*s,%s", buf_cstr(&bare), STRF(o.data), buf_cstr(&final));
		buf_puts(&final, ",p=");
		proof(str_of(password), o.data, buf_view(&message), &final);
		sasl_exchange_step(x, buf_view(&final), &o);
		if (o.result == SASL_GOOD)
			assert_true(str_starts(o.data, "v="));
	}
	buf_done(&first);
	buf_done(&bare);
	buf_done(&final);
	buf_done(&message);
	buf_done(&cb);
	sasl_exchange_free(x);
	return o.result;
}

static void main_web(const char *local, bool on)
{
	struct directory_account v;
	struct arena a;

	arena_init(&a);
	assert_int_equal(uncounted->account(real, str_of(local), STR("example.org"), &a, &v), 0);
	v.main_web = on;
	assert_int_equal(real->ops->account_put(real, &v, false), 0);
	arena_done(&a);
}

static void a_main_password_for_the_page_alone_is_no_good_for_mail(void **state)
{
	struct sasl_outcome o;
	unsigned turn;

	(void)state;
	service.login_cache_ms = 60000;
	device("anna", "d1", DEVICE, "imap", 0);
	assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
	/* of the account, then of all by the settings */
	for (turn = 0; turn < 2; turn++) {
		main_web("anna", turn == 0);
		service.main_web = turn == 1;
		assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_BAD); /* though remembered */
		assert_string_equal(o.why, "the main password is for the web page alone");
		assert_int_equal(plain(STR("\0anna@example.org\0wrong"), &o), SASL_BAD);
		assert_int_equal(hashes, 1);
		assert_int_equal(scram("SCRAM-SHA-256", "n,,", STR(""), "anna@example.org", "secret"), SASL_BAD);
		assert_int_equal(plain(STR("\0anna@example.org\0" DEVICE), &o), SASL_GOOD);
		service_name = "web";
		assert_int_equal(plain(STR("\0anna@example.org\0secret"), &o), SASL_GOOD);
		service_name = "imaps";
		if (turn == 0)
			assert_int_equal(plain(STR("\0bob@example.org\0geheim"), &o), SASL_GOOD);
	}
	service.main_web = false;
	service.login_cache_ms = 0;
	assert_int_equal(scram("SCRAM-SHA-256", "n,,", STR(""), "anna@example.org", "secret"), SASL_GOOD);
	remove_device("anna", "d1");
}

static void scram_is_offered_to_nobody_while_one_cannot_use_it(void **state)
{
	bool any, complete;

	(void)state;
	/* "off" is inactive, "old" has keys by now */
	assert_int_equal(real->ops->scram_complete(real, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(any && complete);
	device("anna", "d1", DEVICE, "imap", 0);
	assert_int_equal(real->ops->scram_complete(real, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(any && !complete);
	remove_device("anna", "d1");
	main_web("bob", true);
	assert_int_equal(real->ops->scram_complete(real, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_false(complete);
	main_web("bob", false);
	assert_int_equal(real->ops->scram_complete(real, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(complete);
}

static void scram_with_and_without_channel_binding(void **state)
{
	const char *sha = "SCRAM-SHA-256", *plus = "SCRAM-SHA-256-PLUS";
	struct str none = STR(""), exporter = STR("EXPORTER"), end_point = STR("ENDPOINT");

	(void)state;
	assert_int_equal(scram(sha, "n,,", none, "anna@example.org", "secret"), SASL_GOOD);
	assert_int_equal(scram(plus, "p=tls-exporter,,", exporter, "anna@example.org", "secret"), SASL_GOOD);
	assert_int_equal(scram(plus, "p=tls-server-end-point,,", end_point, "anna@example.org", "secret"), SASL_GOOD);
	assert_int_equal(scram(sha, "n,a=anna@example.org,", none, "anna@example.org", "secret"), SASL_GOOD);
	/* somebody in the middle: the client saw another connection */
	assert_int_equal(scram(plus, "p=tls-exporter,,", end_point, "anna@example.org", "secret"), SASL_BAD);
	assert_int_equal(scram(plus, "p=tls-unique,,", exporter, "anna@example.org", "secret"), SASL_BAD);
	assert_int_equal(scram(plus, "n,,", none, "anna@example.org", "secret"), SASL_BAD);
	assert_int_equal(scram(sha, "p=tls-exporter,,", exporter, "anna@example.org", "secret"), SASL_BAD);
	/* -PLUS was offered: a client that believes it was not has been lied to */
	assert_int_equal(scram(sha, "y,,", none, "anna@example.org", "secret"), SASL_BAD);
	assert_int_equal(scram(sha, "n,a=bob@example.org,", none, "anna@example.org", "secret"), SASL_BAD);
}

static void scram_fails_alike_for_all_who_may_not(void **state)
{
	(void)state;
	queries = 0;
	assert_int_equal(scram("SCRAM-SHA-256", "n,,", STR(""), "anna@example.org", "wrong"), SASL_BAD);
	assert_int_equal(queries, 1);
	assert_int_equal(scram("SCRAM-SHA-256", "n,,", STR(""), "nobody@example.org", "secret"), SASL_BAD);
	assert_int_equal(queries, 2);
	assert_int_equal(scram("SCRAM-SHA-256", "n,,", STR(""), "off@example.org", "secret"), SASL_BAD);
	assert_int_equal(queries, 3);
}

static void unknown_names_show_the_same_salt_every_time(void **state)
{
	char salt[2][128];
	struct sasl_outcome o;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct sasl_exchange *x = begin("SCRAM-SHA-256");

		sasl_exchange_step(x, STR("n,,n=nobody@example.org,r=abcdefghijklm"), &o);
		assert_int_equal(o.result, SASL_CONTINUES);
		snprintf(salt[i], sizeof(salt[i]), "%.*s", STRF(attribute(o.data, "s=")));
		sasl_exchange_free(x);
	}
	assert_string_equal(salt[0], salt[1]);
}

static void a_client_that_never_ends_is_cut_off(void **state)
{
	struct sasl_exchange *x = begin("LOGIN");
	struct sasl_outcome o = { .result = SASL_CONTINUES };
	int i;

	(void)state;
	for (i = 0; i < 50 && o.result == SASL_CONTINUES; i++)
		sasl_exchange_step(x, STR(""), &o);
	assert_in_range(i, 1, 20);
	sasl_exchange_free(x);
}

/* --- access tokens ------------------------------------------------------------- */

/* RFC 8037 A.1: the public half, and the secret one */
#define ED_KEY "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
#define ED_SECRET "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"

static void base64url(struct str s, struct buf *out)
{
	size_t i = out->n;

	base64_encode(s, out);
	while (out->n > 0 && out->p[out->n - 1] == '=')
		buf_cut(out, out->n - 1);
	for (; i < out->n; i++)
		out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

/* A client's message with a token for this address, good for an hour. */
static void bearer_message(const char *gs2, const char *email, struct buf *out)
{
	struct buf secret, claims, token;
	unsigned char sig[64];
	size_t n = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key;

	buf_init(&secret, 100);
	buf_init(&claims, 1000);
	buf_init(&token, 2000);
	assert_int_equal(base64url_decode(STR(ED_SECRET), &secret), 0);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (unsigned char *)secret.p, secret.n);
	buf_fmt(&claims, "{\"iss\":\"https://id\",\"aud\":\"mail\",\"exp\":%lld,\"email\":\"%s\",\"email_verified\":true}",
		(long long)clock_unix() + 3600, email);
	base64url(STR("{\"alg\":\"EdDSA\"}"), &token);
	buf_c(&token, '.');
	base64url(buf_view(&claims), &token);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, (unsigned char *)token.p, token.n), 1);
	buf_c(&token, '.');
	base64url(str_make(sig, n), &token);
	buf_fmt(out, "%s\1auth=Bearer %s\1\1", gs2, buf_cstr(&token));
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	buf_done(&secret);
	buf_done(&claims);
	buf_done(&token);
}

static void a_token_lets_its_account_in_and_nobody_else(void **state)
{
	static const struct {
		const char *mech, *first, *email;
		bool good, spoiled;
		unsigned queries;
	} row[] = {
		{ "OAUTHBEARER", "n,,", "anna@example.org", true, false, 1 },
		{ "OAUTHBEARER", "n,a=Anna@EXAMPLE.org,", "ANNA@example.org", true, false, 1 },
		{ "XOAUTH2", "user=anna@example.org", "anna@example.org", true, false, 1 },
		{ "OAUTHBEARER", "n,a=bob@example.org,", "anna@example.org", false, false, 1 },
		{ "XOAUTH2", "user=bob@example.org", "anna@example.org", false, false, 1 },
		{ "OAUTHBEARER", "n,,", "off@example.org", false, false, 1 },
		{ "OAUTHBEARER", "n,,", "nobody@example.org", false, false, 1 },
		{ "OAUTHBEARER", "n,,", "anna", false, false, 0 },
		/* without a good token nobody is looked for */
		{ "OAUTHBEARER", "n,a=anna@example.org,", "anna@example.org", false, true, 0 },
		{ "OAUTHBEARER", "p=tls-exporter,,", "anna@example.org", false, false, 0 },
	};
	struct sasl_outcome o;
	struct buf why, message;
	struct jwks *keys;
	struct conf *c;
	size_t i;

	(void)state;
	buf_init(&why, 1000);
	assert_int_equal(conf_parse(STR("[oauth]\njwks_file = x\nissuer = https://id\naudience = mail\n"), "c", NULL, &c), 0);
	assert_int_equal(jwks_read(STR(ED_KEY), JWKS_STRICT, &why, &keys), 0);
	service.conf = c;
	service.keys = keys;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct sasl_exchange *x = begin(row[i].mech);

		buf_init(&message, 4000);
		bearer_message(row[i].first, row[i].email, &message);
		if (row[i].spoiled)
			message.p[message.n - 20] = message.p[message.n - 20] == 'A' ? 'B' : 'A';
		queries = 0;
		if (i % 2) {
			sasl_exchange_step(x, STR_NONE, &o);
			assert_int_equal(o.result, SASL_CONTINUES);
			assert_int_equal(o.data.n, 0);
			assert_false(o.failed);
		}
		sasl_exchange_step(x, buf_view(&message), &o);
		assert_int_equal(o.result, row[i].good ? SASL_GOOD : SASL_CONTINUES);
		assert_int_equal(o.failed, !row[i].good);
		assert_int_equal(queries, row[i].queries);
		if (row[i].good) {
			assert_true(str_eqc(o.user, "anna@example.org"));
		} else {
			assert_true(str_starts(o.data, "{\"status\":\""));
			/* a better token now is one message too late */
			buf_reset(&message);
			bearer_message(row[0].first, row[0].email, &message);
			sasl_exchange_step(x, i % 2 ? STR("\1") : buf_view(&message), &o);
			assert_int_equal(o.result, SASL_BAD);
			assert_false(o.failed);
		}
		buf_done(&message);
		sasl_exchange_free(x);
	}
	service.keys = NULL;
	jwks_free(keys);
	conf_free(c);
	buf_done(&why);
}

/* Nobody waits here for the provider: the exchange asks, and goes on with what it is told. */
static void what_the_provider_says_of_a_token(void **state)
{
	static const struct {
		const char *settings, *ask, *claims;
		enum told_result told;
		enum sasl_result result;
		bool failed;
	} row[] = {
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect",
			"{\"aud\":\"mail\",\"email\":\"anna@example.org\",\"email_verified\":true}", TOLD_OK, SASL_GOOD, false },
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect",
			"{\"aud\":\"wiki\",\"email\":\"anna@example.org\",\"email_verified\":true}", TOLD_OK, SASL_CONTINUES, true },
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect",
			"{\"aud\":\"mail\",\"email\":\"off@example.org\",\"email_verified\":true}", TOLD_OK, SASL_CONTINUES, true },
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect", "", TOLD_OK, SASL_CONTINUES, true },
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect", "", TOLD_INACTIVE, SASL_CONTINUES, true },
		{ "introspect = https://i/\nclient_id = x\nclient_secret_file = x\n", "introspect", "", TOLD_NOTHING, SASL_DOWN, false },
		{ "issuer = https://id\n", "renew", "", TOLD_OK, SASL_CONTINUES, true }, /* no key came */
		{ "issuer = https://id\n", "renew", "", TOLD_NOTHING, SASL_DOWN, false },
	};
	struct sasl_outcome o;
	struct buf message;
	struct conf *c;
	char text[300];
	size_t i;

	(void)state;
	service.keys = NULL;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		const struct sasl_told told = { row[i].told, str_of(row[i].claims) };
		struct sasl_exchange *x = begin("OAUTHBEARER");

		snprintf(text, sizeof(text), "[oauth]\naudience = mail\n%s", row[i].settings);
		assert_int_equal(conf_parse(str_of(text), "c", NULL, &c), 0);
		service.conf = c;
		buf_init(&message, 4000);
		bearer_message("n,,", "anna@example.org", &message);
		sasl_exchange_step(x, buf_view(&message), &o);
		assert_int_equal(o.result, SASL_ASKS);
		assert_string_equal(o.ask, row[i].ask);
		assert_int_equal(o.token.n > 0, strcmp(o.ask, "introspect") == 0);
		sasl_exchange_told(x, &told, &o);
		assert_int_equal(o.result, row[i].result);
		assert_int_equal(o.failed, row[i].failed);
		if (o.result == SASL_GOOD)
			assert_true(str_eqc(o.user, "anna@example.org"));
		/* it is asked once */
		sasl_exchange_told(x, &told, &o);
		assert_int_equal(o.result, SASL_DOWN);
		buf_done(&message);
		sasl_exchange_free(x);
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_gets_in),
		cmocka_unit_test(everything_else_fails),
		cmocka_unit_test(known_and_unknown_cost_the_same),
		cmocka_unit_test(other_forms_of_a_password_log_in_and_cost_the_same_for_every_name),
		cmocka_unit_test(a_hash_of_a_form_that_is_not_prepared_is_good_as_given),
		cmocka_unit_test(an_overlong_password_fails_like_a_wrong_one),
		cmocka_unit_test(an_old_account_gets_keys_at_its_login),
		cmocka_unit_test(old_and_broken_hashes_cost_what_ours_does),
		cmocka_unit_test(shared_secrets_are_for_cram_md5_alone),
		cmocka_unit_test(a_login_of_a_moment_ago_costs_no_hash),
		cmocka_unit_test(an_account_that_ended_lets_nobody_in),
		cmocka_unit_test(an_app_password_gets_in_without_a_hash_until_it_is_removed),
		cmocka_unit_test(it_is_good_for_its_protocols_and_its_time),
		cmocka_unit_test(an_app_password_of_an_owner_is_good_while_he_is_one),
		cmocka_unit_test(a_wrong_app_password_costs_the_same_for_every_name),
		cmocka_unit_test(a_main_password_for_the_page_alone_is_no_good_for_mail),
		cmocka_unit_test(scram_is_offered_to_nobody_while_one_cannot_use_it),
		cmocka_unit_test(login_asks_twice),
		cmocka_unit_test(scram_with_and_without_channel_binding),
		cmocka_unit_test(scram_fails_alike_for_all_who_may_not),
		cmocka_unit_test(unknown_names_show_the_same_salt_every_time),
		cmocka_unit_test(a_client_that_never_ends_is_cut_off),
		cmocka_unit_test(a_token_lets_its_account_in_and_nobody_else),
		cmocka_unit_test(what_the_provider_says_of_a_token),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
