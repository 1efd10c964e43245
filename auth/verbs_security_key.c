/* SPDX-License-Identifier: ISC
 *
 * verbs_security_key.c: mansio security-key add|list|remove: security keys as a second factor at the web page (webauthn.h).
 *
 *   add --> a challenge for the browser --add client_data= ...--> on
 *
 * Both steps come by the gate, which makes the challenge (`asked`), knows the page (`origin`), and lets an answer pass with
 * `asked` once: nobody has it from anywhere else.
 */
#include <sysexits.h>

#include "auth/app_password.h"
#include "auth/second.h"
#include "auth/verbs.h"
#include "auth/webauthn.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/rand.h"
#include "base/sha256.h"
#include "conf/conf.h"

/* What the key calls the account: nothing that says whose it is (WebAuthn 14.6.1), and the same each time. */
static int handle(struct verb *v, const struct directory_account *acc, struct buf *out)
{
	unsigned char secret[DIRECTORY_SECRET], digest[SHA256_SIZE];
	struct sha256 h;
	int r = v->d->ops->secret(v->d, secret);

	if (r < 0)
		return r;
	sha256_init(&h);
	sha256_add(&h, "security key", 12);
	sha256_add(&h, secret, sizeof(secret));
	sha256_add(&h, &acc->id, sizeof(acc->id));
	sha256_end(&h, digest);
	explicit_bzero(secret, sizeof(secret));
	base64url_encode(str_make(digest, sizeof(digest)), out);
	return 0;
}

static bool add_name(const struct directory_security_key *k, void *arg)
{
	struct buf *b = arg;

	buf_fmt(b, "%s%.*s", b->n ? "," : "", STRF(k->credential));
	return true;
}

/* First step: what the browser asks a key for. */
static void begin(struct verb *v, const struct directory_account *acc, struct str rp_id)
{
	struct buf user, known;
	struct ipc_msg m;
	int r;

	buf_init(&user, 64);
	buf_init(&known, IPC_MAX / 2);
	r = handle(v, acc, &user);
	if (r == 0)
		r = v->d->ops->security_keys(v->d, acc->id, add_name, &known);
	if (r < 0) {
		verb_error(v, r, "user", address_name(acc->local, acc->domain, &v->a));
	} else {
		ipc_init(&m, "result");
		ipc_set(&m, "challenge", ipc_get(v->m, "asked"));
		ipc_set(&m, "rp_id", rp_id);
		ipc_set(&m, "user", buf_view(&user));
		ipc_set(&m, "known", buf_view(&known)); /* a key that is one of these already says so */
		ipc_setc(&m, "algorithms", webauthn_algorithms);
		ipc_set_u64(&m, "milliseconds", (uint64_t)v->conf->auth_security_key_time);
		verb_row(v, &m);
	}
	buf_done(&user);
	buf_done(&known);
}

/* Second step: the key answered. If no recovery codes could be made for it, it is as if it had not. */
static void finish(struct verb *v, struct directory_account *acc, struct directory_security_key *k)
{
	const struct client_data_asked asked = { ipc_get(v->m, "asked"), ipc_get(v->m, "origin") };
	char id[APP_PASSWORD_ID + 1];
	const struct directory_totp none = { .secret = STR("") };
	struct directory_totp t;
	struct webauthn_key new;
	const char *why = "";
	struct ipc_msg m;
	int r = webauthn_new(&asked, ipc_get(v->m, "client_data"), ipc_get(v->m, "authenticator_data"), &v->a, &new, &why);

	if (r < 0) {
		verb_fail(v, r == E_UNSUPPORTED ? EX_UNAVAILABLE : EX_DATAERR, "the key was not added: %s", why);
		return;
	}
	if (verb_second(v, acc, &t) < 0)
		return;
	rand_id(id, APP_PASSWORD_ID);
	k->id = str_of(id);
	k->credential = new.credential;
	k->public = new.public;
	k->algorithm = new.algorithm;
	k->counter = new.counter;
	k->created = (uint64_t)clock_unix();
	r = v->d->ops->security_key_add(v->d, acc->id, k);
	if (r < 0) {
		verb_error(v, r, "security key", k->label);
		return;
	}
	ipc_init(&m, "result");
	ipc_set(&m, "id", k->id);
	if (verb_second_on(v, acc, t.secret.p ? NULL : &none, &m) == 0) {
		verb_row(v, &m);
	} else {
		ipc_done(&m);
		(void)v->d->ops->security_key_remove(v->d, acc->id, k->id);
	}
}

/* label=, and room for one more. */
static int arguments(struct verb *v, const struct directory_account *acc, struct directory_security_key *k)
{
	int have = v->d->ops->security_keys ? second_keys(v->d, acc->id) : E_UNSUPPORTED;

	k->label = ipc_get(v->m, "label");
	if (k->label.n > APP_PASSWORD_LABEL || !str_is_line(k->label))
		return verb_fail(v, EX_DATAERR, "label: up to %d bytes of UTF-8 without control characters", APP_PASSWORD_LABEL);
	if (!k->label.p)
		k->label = STR("");
	if (have < 0)
		return verb_error(v, have, "user", address_name(acc->local, acc->domain, &v->a));
	if (have >= v->conf->auth_security_keys)
		return verb_fail(v, EX_CANTCREAT, "%lld security keys are all that an account may have ([auth] security_keys)",
			(long long)v->conf->auth_security_keys);
	return 0;
}

void verb_security_key_add(struct verb *v)
{
	struct directory_security_key k = { .last = 0 };
	struct directory_account acc;

	if (verb_user(v, &acc) < 0 || arguments(v, &acc, &k) < 0)
		return;
	if (webauthn_rp_id(ipc_get(v->m, "origin"), &k.rp_id) < 0)
		verb_fail(v, EX_USAGE, "a security key is added by the web page, reached by its name");
	else if (ipc_get(v->m, "client_data").n > 0)
		finish(v, &acc, &k);
	else if (ipc_get(v->m, "asked").n > 0)
		begin(v, &acc, k.rp_id);
	else
		verb_fail(v, EX_DATAERR, "the challenge is not known any more: begin anew without one");
}

static bool row(const struct directory_security_key *k, void *arg)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "id", k->id);
	ipc_set(&m, "label", k->label);
	ipc_set(&m, "host", k->rp_id);
	ipc_set(&m, "algorithm", k->algorithm);
	ipc_set_u64(&m, "since", k->created);
	ipc_set_u64(&m, "last", k->last);
	ipc_set(&m, "peer", k->peer);
	verb_row(arg, &m);
	return true;
}

void verb_security_key_list(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->security_keys ? v->d->ops->security_keys(v->d, acc.id, row, v) : 0;
	if (r < 0)
		verb_error(v, r, "user", address_name(acc.local, acc.domain, &v->a));
}

void verb_security_key_remove(struct verb *v)
{
	struct str id = ipc_get(v->m, "id");
	struct directory_account acc;
	struct directory_totp t;
	int r;

	if (verb_user(v, &acc) < 0 || verb_second(v, &acc, &t) < 0)
		return;
	r = v->d->ops->security_key_remove ? v->d->ops->security_key_remove(v->d, acc.id, id) : E_NOTFOUND;
	if (r < 0)
		verb_error(v, r, "security key", id);
	else
		verb_second_off(v, &acc, t.since > 0);
}
