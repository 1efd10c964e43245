/* SPDX-License-Identifier: ISC
 *
 * sasl_password.c: is this the password? PLAIN's and LOGIN's, which Cyrus SASL hands to a call-back (sasl.c).
 *
 *   an app password --> good for this protocol, now?
 *   remembered (verified.h) --> good
 *   the old server (moving.h), or the back end, says it itself
 *   the stored hash, or `dummy`, in the forms of prepare.h
 *
 * Nobody learns who exists (C16): an unknown, inactive or hash-less account costs the same one query and one hash
 * (against `dummy`), and every failure says the same. A login that fails against a hash that takes less than ours (an
 * old scheme, a broken one) does the work of ours too. A password that has another prepared form is tried twice, for
 * every name. What looks like an app password is looked up first, for whatever name; if it is none, or not good now,
 * the rest is done as for any other password. Where the old server is asked, its time takes the place of the hash's.
 */
#include "auth/sasl_private.h"

#include <openssl/crypto.h>

#include "auth/app_password.h"
#include "auth/delegation.h"
#include "auth/moving.h"
#include "auth/password.h"
#include "auth/prepare.h"
#include "base/clock.h"

#define USED_S 3600 /* how often the use of an app password is written down */

/* After a good login: today's hash and keys in place of older ones. */
static void upgrade(struct sasl_exchange *x, struct str password)
{
	struct directory *d = x->service->resolver.d;
	struct buf hash, keys;

	if (!password_outdated(x->account.hash, x->service->cost) &&
	    !scram_outdated(x->account.scram, x->service->kinds, x->service->iterations))
		return;
	buf_init(&hash, 1024);
	buf_init(&keys, 2048);
	/* a failure here is no failure of the login: the next one tries again */
	if (password_hash(password, x->service->cost, &hash) == 0 &&
	    scram_make_all(password, x->service->kinds, x->service->iterations, &keys) == 0 &&
	    d->ops->credentials &&
	    d->ops->credentials(d, x->account.id, x->account.hash, buf_view(&hash), buf_view(&keys)) == 0) {
		x->upgraded = true;
		x->account.hash = arena_str(&x->a, buf_view(&hash));
	}
	buf_wipe(&hash);
	buf_wipe(&keys);
}

static void login_key(const struct sasl_exchange *x, struct str password, struct str hash, unsigned char out[VERIFIED_KEY])
{
	struct verified_login l = { .service = x->start.service, .name = x->user, .password = password, .hash = hash,
		.account = x->found ? x->account.id : 0 };

	verified_key(x->service->verified, &l, out);
}

/* Does its back end say itself whether this is the password? true: it said so. */
static bool checked_there(struct sasl_exchange *x, struct str password, bool may, enum scheme_result *out)
{
	struct directory *d = x->service->resolver.d;
	struct directory_account nobody = { .name = x->user, .backend = x->found ? x->account.backend : NULL };
	int r = d->ops->check ? d->ops->check(d, may ? &x->account : &nobody, password) : E_UNSUPPORTED;

	if (r == 0 && !may)
		r = E_DENIED;
	if (r == E_UNSUPPORTED)
		return false;
	x->elsewhere = true;
	x->down |= r < 0 && r != E_DENIED;
	*out = r == 0 ? SCHEME_GOOD : SCHEME_WRONG;
	return true;
}

/* For people: where from. */
static struct str network(struct sasl_exchange *x)
{
	struct addr net = addr_network(&x->start.peer);
	char ip[ADDR_TEXT];

	return net.family ? str_of(arena_fmt(&x->a, "%s/%d", addr_text(&net, ip), net.family == 4 ? 24 : 64)) : STR("");
}

/* For people: when and where from this device logged in; a failure is no failure of the login. */
static void app_password_used(struct sasl_exchange *x, const struct directory_app_password *v, uint64_t now)
{
	struct directory *d = x->service->resolver.d;

	if (v->last + USED_S <= now)
		(void)d->ops->app_password_used(d, x->account.id, v->id, now, network(x));
}

/* Of an owner's own one: is he still one, who may log in? *until_out: for how long. */
static bool owner_stands(struct sasl_exchange *x, const struct directory_app_password *v, uint64_t *until_out)
{
	struct str mailbox = address_name(x->account.local, x->account.domain, &x->a);
	struct directory_account owner;
	int r = delegation_owns(&x->service->resolver, v->owner, mailbox, &x->a, &owner);

	x->down |= r < 0 && r != E_NOTFOUND;
	*until_out = r == 0 ? owner.expires : 0;
	return r == 0;
}

uint64_t sasl_earlier(uint64_t a, uint64_t b)
{
	return !a ? b : b ? MIN(a, b) : a;
}

/* Is it an app password that is good here and now? may: of an account that may log in. */
static bool by_app_password(struct sasl_exchange *x, struct str password, bool may, const char **why)
{
	struct directory *d = x->service->resolver.d;
	struct directory_account nobody = { .name = x->user };
	struct directory_app_password v;
	char digest[SECRET_HEX + 1];
	uint64_t now = (uint64_t)clock_unix(), until = 0;
	int r;

	if (str_eqc(x->start.service, "web") || !d->ops->app_password || !app_password_digest(password, digest))
		return false;
	r = d->ops->app_password(d, x->found ? &x->account : &nobody, str_of(digest), &x->a, &v);
	x->down |= r < 0 && r != E_NOTFOUND;
	if (r < 0 || !may)
		return false;
	if (v.expires && v.expires <= now)
		*why = "the app password has expired";
	else if (!app_password_serves(v.protocols, x->start.service))
		*why = "the app password is not for this protocol";
	else if (v.owner.n > 0 && !owner_stands(x, &v, &until))
		*why = "whose app password it is does not own this mailbox any more, or may not log in";
	else {
		app_password_used(x, &v, now);
		x->expires = sasl_earlier(v.expires, until);
		x->no_submission = !app_password_serves(v.protocols, STR("submission"));
		return true;
	}
	return false;
}

bool sasl_main_is_elsewhere(const struct sasl_exchange *x)
{
	return (x->service->main_web || x->account.main_web) && !str_eqc(x->start.service, "web");
}

/* Was this password verified against this hash a moment ago? */
static bool remembers(const struct sasl_exchange *x, struct str password, struct str hash)
{
	unsigned char key[VERIFIED_KEY];
	bool has;

	if (x->service->login_cache_ms <= 0)
		return false;
	login_key(x, password, hash, key);
	has = verified_has(x->service->verified, key, clock_mono_ms());
	OPENSSL_cleanse(key, sizeof(key));
	return has;
}

/* The work of one hash of ours at least, whatever is stored. */
static enum scheme_result verify_one(const struct sasl_exchange *x, struct str password, struct str hash)
{
	enum scheme_result r;
	struct scheme_limits takes;

	scheme_inspect(hash, &x->service->limits, &takes);
	r = scheme_check(password, hash, &x->service->limits);
	if (r != SCHEME_GOOD && takes.work < x->service->dummy_takes.work)
		(void)password_verify(password, buf_view(&x->service->dummy));
	return r;
}

/* As it was given, and as what is made new is stored, if that is another: for whatever name. */
static enum scheme_result verify_forms(const struct sasl_exchange *x, struct str password, struct str hash)
{
	enum scheme_result r = verify_one(x, password, hash);
	struct buf form;

	buf_init(&form, PASSWORD_MAX + 1);
	prepare_password(str_sub(password, 0, PASSWORD_MAX + 1), &form);
	if (r != SCHEME_GOOD && password.n <= PASSWORD_MAX && !str_eq(buf_view(&form), password) &&
	    verify_one(x, buf_view(&form), hash) == SCHEME_GOOD)
		r = SCHEME_GOOD;
	buf_wipe(&form);
	return r;
}

/* Is it for the old server to say whether this is the password? true: it said so, or could not; *may then is whether the
 * account has it now. */
static bool checked_old(struct sasl_exchange *x, struct str password, bool *may, const char **why, enum scheme_result *out)
{
	struct oldserver_asker who = { .name = x->user, .password = password, .peer = x->start.peer, .from = x->service->from };
	int r;

	if (x->down || (x->found && (x->account.hash.n > 0 || x->account.shared)) || !moving_covers(x->service, x->user))
		return false;
	if (x->found && checked_there(x, password, *may, out))
		return true;
	who.nobody = !*may || sasl_main_is_elsewhere(x);
	r = moving_in(x->service, &who, x->found ? &x->account : NULL, &x->a, why);
	x->down |= r == E_TEMP;
	x->down_why = r == E_TEMP ? *why : NULL;
	*out = r == 0 ? SCHEME_GOOD : SCHEME_WRONG;
	if (r == 0 || r == E_EXISTS) {
		x->looked = false;
		*may = sasl_look_up(x, x->user);
		x->moved_in = x->upgraded = r == 0;
	}
	if (r == E_EXISTS && *may)
		*out = verify_forms(x, password, x->account.hash);
	return true;
}

/* The password against the account's hash, or against one that nobody has. may: an account that may log
 * in; false after it if there is nothing by which it could. */
static enum scheme_result verify(struct sasl_exchange *x, struct str password, bool *may, const char **why)
{
	int64_t began = clock_mono_ms();
	struct str hash = *may ? x->account.hash : buf_view(&x->service->dummy);
	enum scheme_result r;

	if (*may && remembers(x, password, hash)) {
		x->remembered = true;
		r = SCHEME_GOOD;
	} else if (!checked_old(x, password, may, why, &r) && !checked_there(x, password, *may, &r)) {
		*may = *may && hash.n > 0;
		if (hash.n == 0)
			hash = buf_view(&x->service->dummy);
		r = verify_forms(x, password, hash);
		if (r != SCHEME_GOOD && moving_covers(x->service, x->user))
			oldserver_wait(&x->service->old, began);
	}
	return r;
}

/* It was good: what is stored may get better, and the next login needs no hash. */
static void verified_now(struct sasl_exchange *x, struct str password)
{
	unsigned char key[VERIFIED_KEY];

	x->verified = true;
	x->lasting = x->account.expires == 0;
	if (x->remembered)
		return;
	if (x->service->upgrade && !x->elsewhere)
		upgrade(x, password);
	if (x->service->login_cache_ms <= 0)
		return;
	login_key(x, password, x->account.hash, key);
	verified_add(x->service->verified, key, clock_mono_ms(), x->service->login_cache_ms);
	OPENSSL_cleanse(key, sizeof(key));
}

/* Is the password enough? Asked only of somebody who knows it. */
static bool second_good(struct sasl_exchange *x)
{
	const struct second_visit visit = { network(x), clock_unix(), x->service->code_tries, x->service->code_window_s };

	if (!str_eqc(x->start.service, "web"))
		return true;
	if (second_check(x->service->resolver.d, x->account.id, &x->start.second, &visit, &x->a, &x->second) < 0)
		x->down = true;
	x->why = x->second.why;
	return !x->down && (x->second.is == SECOND_NONE || x->second.is == SECOND_GOOD);
}

int sasl_check_password(sasl_conn_t *conn, void *ctx, const char *user, const char *pass,
	unsigned n, struct propctx *prop)
{
	struct sasl_exchange *x = ctx;
	struct str password = str_make(pass, n);
	enum scheme_result r;
	const char *app = NULL, *old = NULL;
	bool may;

	(void)conn;
	(void)prop;
	/* an empty secret reaches no back end (some take it for "anonymous") */
	x->why = "empty password";
	if (n == 0 || !user || !*user)
		return SASL_BADAUTH;
	may = sasl_look_up(x, str_of(user));
	if (by_app_password(x, password, may, &app)) {
		x->verified = true;
		x->why = NULL;
		return SASL_OK;
	}
	r = verify(x, password, &may, &old);
	if (may && r == SCHEME_GOOD && sasl_main_is_elsewhere(x)) {
		x->why = "the main password is for the web page alone";
		return SASL_BADAUTH;
	}
	x->why = !x->found ? "no such account" : app ? app : may ? old ? old : scheme_text(r) :
		resolve_may_log_in(&x->account) && !x->account.shared ? "the account has no password" : "account may not log in";
	if (!may || r != SCHEME_GOOD || !second_good(x))
		return SASL_BADAUTH;
	x->why = NULL;
	verified_now(x, password);
	return SASL_OK;
}
