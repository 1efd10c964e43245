/* SPDX-License-Identifier: ISC
 *
 * gate_login.c: logins at the gate, with a second factor where the account has one, and invitations.
 *
 *   gate_login --> exchange_login --> login_known --> login_account: a new login, and its cookie
 *                                         `--> ask_second: what else there must be
 */
#include "auth/gate_private.h"

#include <sysexits.h>

#include "auth/guard.h"
#include "auth/peek.h"
#include "auth/webauthn.h"
#include "base/clock.h"
#include "base/file.h"

static void login_account(void *arg, const struct ipc_msg *account)
{
	struct question *q = arg;
	struct login *old = login_find(authd.logins, ipc_get(&q->m, "cookie"), clock_mono_ms(), clock_unix(), false);
	char cookie[SECRET_TEXT + 1], peer[ADDR_TEXT];
	struct ipc_msg m;
	struct login *k;
	uint64_t number = 0;

	if (!account || !str_eqc(ipc_get(account, "result"), "ok")) {
		question_refuse(q, account ? EX_NOPERM : EX_TEMPFAIL, "this login is not possible now", account ? "unknown" : NULL);
		return;
	}
	ipc_get_u64(account, "account", UINT64_MAX, &number);
	question_is_of(q, account);
	if (old) /* the browser has a new one now */
		login_end(authd.logins, old);
	k = login_make(authd.logins, q->id.user, number, str_of(addr_text(&q->peer, peer)),
		ipc_get(&q->m, "agent"), clock_mono_ms(), clock_unix(), cookie);
	ipc_init(&m, "result");
	ipc_setc(&m, "cookie", cookie);
	ipc_setc(&m, "csrf", k->csrf);
	explicit_bzero(cookie, sizeof(cookie));
	question_answer(q, &m);
}

static struct challenge_for login_challenge(struct question *q)
{
	return (struct challenge_for){ "login", peek_normal(ipc_get(&q->m, "address"), &q->m.arena), question_origin(q) };
}

/* The password was right: what else there must be, and what a security key is to sign. */
static void ask_second(struct question *q, const struct ipc_msg *answer)
{
	const struct challenge_for f = login_challenge(q);
	char text[CHALLENGE_TEXT + 1];
	struct str rp_id;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "ways", ipc_get(answer, "ways"));
	if (ipc_get(answer, "keys").n > 0 && webauthn_rp_id(f.origin, &rp_id) == 0) {
		challenge_make(authd.challenges, &f, clock_mono_ms(), authd.program.conf->auth_security_key_time, text);
		ipc_setc(&m, "challenge", text);
		ipc_set(&m, "rp_id", rp_id);
		ipc_set(&m, "keys", ipc_get(answer, "keys"));
	}
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", EX_NOPERM);
	ipc_setc(&m, "error", "the second factor is needed, too");
	fd_nonblock(q->reply, true);
	(void)ipc_try_send(q->reply, &m);
	ipc_done(&m);
	question_free(q);
}

static void login_known(void *arg, const char *result, struct str user, const struct ipc_msg *answer)
{
	struct question *q = arg;
	bool second = ipc_get(&q->m, "code").n > 0 || ipc_get(&q->m, "key").n > 0;

	if (strcmp(result, "ok") == 0)
		lookup("account", STR(""), user, login_account, q);
	else if (strcmp(result, "limit") == 0)
		question_refuse(q, EX_NOPERM, "too many failed logins: try again later", "limit");
	else if (strcmp(result, "code") == 0)
		ask_second(q, answer);
	else if (strcmp(result, "fail") == 0)
		question_refuse(q, EX_NOPERM, second ? "address, password or second factor is not right" : "address or password is not right", "unknown");
	else
		question_refuse(q, EX_TEMPFAIL, "logins are not possible now: try again", NULL);
}

/* What a browser says of a security key; what is no base64url is good for nothing, but was shown. */
static struct str key_field(const struct question *q, const char *name)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct str s = ipc_get(&q->m, name);
	size_t i;

	for (i = 0; i < s.n && i < FRAME_KEY_MAX && s.p[i] && strchr(digits, s.p[i]); i++)
		;
	return i == s.n ? s : STR("-");
}

/* Password, and what came with it; a challenge counts here and now, or never. */
void gate_login(struct question *q)
{
	const struct challenge_for f = login_challenge(q);
	struct sasl_second s = { .code = ipc_get(&q->m, "code"), .origin = f.origin, .key = key_field(q, "key"),
		.client_data = key_field(q, "client_data"), .authenticator_data = key_field(q, "authenticator_data"),
		.signature = key_field(q, "signature") };

	if (s.key.n > 0 && challenge_take(authd.challenges, &f, ipc_get(&q->m, "challenge"), clock_mono_ms()))
		s.challenge = ipc_get(&q->m, "challenge");
	exchange_login(&q->peer, ipc_get(&q->m, "address"), ipc_get(&q->m, "password"), &s, login_known, q);
}

static void invite_audit(const struct question *q, struct audit *a)
{
	char text[ADDR_TEXT];

	*a = (struct audit){ .who = "invitation", .verb = "user password" };
	snprintf(a->peer, sizeof(a->peer), "%s", addr_text(&q->peer, text));
}

/* A guess, as a token is that never was any. It takes no turn of the verbs: strangers make no crowd before them. */
static void no_invite(struct question *q)
{
	struct audit a;

	invite_audit(q, &a);
	audit_event(&a, EX_NOUSER);
	guard_token(&q->peer, STR_NONE);
	question_refuse(q, EX_NOUSER, SECRET_NO_INVITE, NULL);
}

/* The verb looks again: it is good once. */
static void invite_seen(void *arg, const struct ipc_msg *invite)
{
	struct question *q = arg;
	struct str id, secret;
	struct audit a;
	struct ipc_msg m;
	int reply;

	if (!invite) {
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
		return;
	}
	if (!str_eqc(ipc_get(invite, "result"), "ok") || !secret_split(ipc_get(&q->m, "invite"), &id, &secret) ||
		!secret_good(secret, ipc_get(invite, "digest"))) {
		no_invite(q);
		return;
	}
	invite_audit(q, &a);
	reply = q->reply;
	q->reply = -1;
	if (audit_relay(&a, reply, &reply) == 0) {
		ipc_init(&m, "control");
		ipc_setc(&m, "verb", "invite redeem");
		ipc_set(&m, "invite", ipc_get(&q->m, "invite"));
		ipc_set(&m, "password", ipc_get(&q->m, "password"));
		control_run(&m, reply);
		ipc_done(&m);
	}
	question_free(q);
}

void gate_invite(struct question *q)
{
	struct str id, secret;

	if (secret_split(ipc_get(&q->m, "invite"), &id, &secret))
		lookup("invite", STR(""), id, invite_seen, q);
	else
		no_invite(q);
}
