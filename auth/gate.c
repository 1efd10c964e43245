/* SPDX-License-Identifier: ISC
 *
 * gate.c: see gate.h. A question goes through these functions in order, each of
 * which refuses it or hands it on; some wait for the directory or for a password:
 *
 *   gate_message -> known (login, token) -> identified -> verb_begin (-> ownership_seen) -> target_seen
 *               -> old_password -> pass
 *
 * New logins and invitations: gate_login.c; mail by HTTP: gate_send.c.
 *
 * Invariant: `reply` is answered and closed exactly once on each way.
 */
#include "auth/gate_private.h"

#include <sysexits.h>
#include <unistd.h>

#include "auth/guard.h"
#include "auth/peek.h"
#include "base/clock.h"
#include "base/file.h"

#define PREFIX "a."
#define TOKEN_USED_S 60 /* the last use of a token is written down no more often */

/* --- ends ------------------------------------------------------------------------- */

void question_free(struct question *q)
{
	fd_close(&q->reply);
	ipc_done(&q->m);
	free(q);
}

void gate_answer(int reply, int code, const char *error, const char *flag)
{
	struct ipc_msg m;

	if (reply < 0)
		return;
	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	if (flag)
		ipc_set_bool(&m, flag, true);
	fd_nonblock(reply, true);
	(void)ipc_try_send(reply, &m); /* who does not read gets nothing */
	ipc_done(&m);
	close(reply);
}

void gate_end(struct client *out)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", EX_OK);
	client_send(out, &m);
	client_release(out);
}

static void audit_of(const struct question *q, struct audit *a)
{
	char text[ADDR_TEXT];
	struct buf args;

	*a = (struct audit){ .args = "" };
	snprintf(a->who, sizeof(a->who), "%.*s", STRF(q->id.who));
	if (q->verb) {
		buf_init(&args, IPC_MAX);
		verb_audit(q->verb, &q->m, PREFIX, &args);
		verb_full_name(q->verb, a->verb, sizeof(a->verb));
		snprintf(a->args, sizeof(a->args), "%s", buf_cstr(&args));
		buf_done(&args);
	} else
		snprintf(a->verb, sizeof(a->verb), "%s", q->op);
	snprintf(a->peer, sizeof(a->peer), "%s", addr_text(&q->peer, text));
}

void question_refuse(struct question *q, int code, const char *error, const char *flag)
{
	struct audit a;

	if (code == EX_NOPERM && q->id.who.n > 0) {
		audit_of(q, &a);
		audit_event(&a, code);
	}
	gate_answer(q->reply, code, error, flag);
	q->reply = -1;
	question_free(q);
}

static void nobody(struct question *q)
{
	question_refuse(q, EX_NOPERM, "log in first", "unknown");
}

/* --- who you are --------------------------------------------------------------------- */

static void add_identity(struct ipc_msg *m, const struct identity *id, struct str name)
{
	size_t i;

	ipc_set(m, "address", id->user);
	ipc_set(m, "name", name);
	if (id->admin)
		ipc_setc(m, "role", "admin");
	if (id->metrics)
		ipc_setc(m, "role", "metrics");
	if (id->send.n > 0)
		ipc_setc(m, "role", arena_fmt(&m->arena, "send:%.*s", STRF(id->send)));
	for (i = 0; i < id->ndomains; i++) {
		ipc_set(m, "role", str_of(arena_fmt(&m->arena, "admin@%.*s", STRF(id->domain[i]))));
		ipc_set(m, "domain", id->domain[i]);
	}
}

void question_answer(struct question *q, struct ipc_msg *m)
{
	add_identity(m, &q->id, q->name);
	ipc_set_bool(m, "done", true);
	ipc_set_u64(m, "code", EX_OK);
	fd_nonblock(q->reply, true);
	(void)ipc_try_send(q->reply, m);
	ipc_done(m);
	question_free(q);
}

static void answer_me(struct question *q)
{
	struct login *k = q->login[0] ? login_by_id(authd.logins, str_of(q->login)) : NULL;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "csrf", k ? k->csrf : "");
	question_answer(q, &m);
}

static void answer_verbs(struct question *q)
{
	static const char *const shape[] = { [SHAPE_NONE] = "none", [SHAPE_ONE] = "one", [SHAPE_ROWS] = "rows",
		[SHAPE_SOME] = "some", [SHAPE_TEXT] = "text", [SHAPE_STREAM] = "stream" };
	struct client *out = client_new("reply", 0, q->reply);
	struct ipc_msg m;
	size_t i;

	q->reply = -1;
	client_hold(out);
	for (i = 0; i < nverbs; i++) {
		const struct verb *v = &verbs[i];

		if (!rights_any(&q->id, v))
			continue;
		ipc_init(&m, "result");
		ipc_setc(&m, "noun", v->noun);
		ipc_setc(&m, "verb", v->name);
		ipc_setc(&m, "effect", v->effect == EFFECT_READ ? "read" : "change");
		ipc_setc(&m, "shape", shape[v->shape]);
		ipc_setc(&m, "args", v->args);
		ipc_setc(&m, "text", v->text);
		client_send(out, &m);
	}
	gate_end(out);
	question_free(q);
}

/* --- a verb goes to its owner ------------------------------------------------------------ */

struct str question_origin(const struct question *q)
{
	return str_sub(ipc_get(&q->m, "origin"), 0, FRAME_KEY_MAX);
}

/* A security key is added in two steps: a challenge goes out, and comes back once, from the same login. */
static void add_challenge(const struct question *q, struct ipc_msg *m)
{
	const struct challenge_for f = { "add", str_of(arena_fmt(&m->arena, "%s %.*s %.*s", q->login, STRF(q->id.who),
		STRF(ipc_get(&q->m, PREFIX "address")))), question_origin(q) };
	struct str given = ipc_get(&q->m, PREFIX "challenge");
	char text[CHALLENGE_TEXT + 1];

	if (f.origin.n == 0)
		return;
	ipc_set(m, "origin", f.origin);
	if (!given.p) {
		challenge_make(authd.challenges, &f, clock_mono_ms(), authd.program.conf->auth_security_key_time, text);
		ipc_setc(m, "asked", text);
	} else if (challenge_take(authd.challenges, &f, given, clock_mono_ms())) {
		ipc_set(m, "asked", given);
	}
}

static void verb_message(const struct question *q, struct ipc_msg *m)
{
	static const char *const not_said[] = { "old", "scope", "asker", "asker_login", "asker_admin", "asker_owner", "origin", "asked" };
	char name[80];
	size_t i, k;

	ipc_init(m, "control");
	verb_full_name(q->verb, name, sizeof(name));
	ipc_setc(m, "verb", name);
	for (i = 0; i < q->m.nfields; i++) {
		const struct ipc_field *f = &q->m.field[i];

		if (!str_starts(f->name, PREFIX))
			continue;
		snprintf(name, sizeof(name), "%.*s", STRF(str_from(f->name, strlen(PREFIX))));
		/* a mailbox by the name of its account: no alias leads to another one */
		if (strcmp(name, "address") == 0 && q->rights.address.n > 0 && q->verb->owner == OWNER_MAILBOXD)
			ipc_set(m, name, q->rights.address);
		else {
			for (k = 0; k < ARRAY_LEN(not_said) && strcmp(name, not_said[k]) != 0; k++)
				;
			if (k == ARRAY_LEN(not_said))
				ipc_set(m, name, f->value);
		}
	}
	if (str_eqc(ipc_get(m, "verb"), "security-key add"))
		add_challenge(q, m);
	/* an owner may refuse from outside what the command on the host may do */
	ipc_set(m, "asker", q->id.who);
	ipc_set_bool(m, "asker_admin", q->id.admin);
	ipc_set_bool(m, "asker_owner", q->id.owned.n > 0);
	if (q->login[0])
		ipc_setc(m, "asker_login", q->login);
	for (i = 0; i < q->rights.nscope; i++)
		ipc_set(m, "scope", q->rights.scope[i]);
}

static void pass(struct question *q)
{
	struct audit a;
	struct ipc_msg m;
	int reply = q->reply;

	q->reply = -1;
	if (q->verb->effect == EFFECT_CHANGE) {
		audit_of(q, &a);
		if (audit_relay(&a, reply, &reply) < 0) {
			question_free(q);
			return;
		}
	}
	verb_message(q, &m);
	if (q->verb->owner == OWNER_AUTHD)
		control_run(&m, reply);
	else {
		ipc_add_fd(&m, "reply", reply);
		if (program_control(&authd.program, &m) < 0)
			gate_answer(reply, EX_TEMPFAIL, "the suite is busy: try again", NULL);
		else
			close(reply);
	}
	ipc_done(&m);
	question_free(q);
}

/* The old password was good, or not. */
static void old_known(void *arg, const char *result, struct str user, const struct ipc_msg *answer)
{
	struct question *q = arg;

	(void)answer;
	/* who is logged in has shown the second factor */
	if ((strcmp(result, "ok") == 0 || strcmp(result, "code") == 0) && str_eq(user, q->id.user))
		pass(q);
	else if (strcmp(result, "limit") == 0)
		question_refuse(q, EX_NOPERM, "too many wrong passwords: try again later", "limit");
	else if (strcmp(result, "fail") == 0 || strcmp(result, "ok") == 0)
		question_refuse(q, EX_NOPERM, "the old password is not right", NULL);
	else
		question_refuse(q, EX_TEMPFAIL, "passwords cannot be checked now: try again", NULL);
}

static bool own_password_needed(const char *verb)
{
	static const char *const verbs_of[] = { "user password", "app-password add", "totp on", "totp off", "security-key add",
		"security-key remove" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs_of); i++)
		if (strcmp(verb, verbs_of[i]) == 0)
			return true;
	return false;
}

/* Who changes his own password, or makes another one, proves that he is not somebody at an open page. */
static void old_password(struct question *q)
{
	const struct sasl_second none = { .code = STR("") };
	struct str old = ipc_get(&q->m, PREFIX "old");
	char name[64];

	verb_full_name(q->verb, name, sizeof(name));
	if (!own_password_needed(name) || (!q->rights.own && q->id.owned.n == 0))
		pass(q);
	else if (old.n == 0)
		question_refuse(q, EX_USAGE, "old: the password of today is needed", NULL);
	else
		exchange_login(&q->peer, q->id.user, old, &none, old_known, q);
}

/* The account that `address` names: nobody touches one that may more than he does, nor a
 * mailbox by way of an alias. */
static void target_seen(void *arg, const struct ipc_msg *account)
{
	struct question *q = arg;
	struct str result = account ? ipc_get(account, "result") : STR("temp");
	bool there = str_eqc(result, "ok") || str_eqc(result, "inactive");

	if (str_eqc(result, "temp"))
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
	else if (there && !q->rights.own && q->verb->effect == EFFECT_CHANGE &&
		rights_exceed(&q->id, ipc_get(account, "roles")))
		question_refuse(q, EX_NOPERM, "this account has rights that you have not", NULL);
	else if (!there && q->verb->owner == OWNER_MAILBOXD)
		question_refuse(q, EX_NOUSER, "there is no such user", NULL);
	else
		old_password(q);
}

static void verb_begin(struct question *q);

static void ownership_seen(void *arg, const struct ipc_msg *answer)
{
	struct question *q = arg;
	struct str result = answer ? ipc_get(answer, "result") : STR("temp");

	if (str_eqc(result, "temp")) {
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
		return;
	}
	q->asked_owner = true;
	if (str_eqc(result, "ok"))
		q->id.owned = peek_normal(ipc_get(&q->m, PREFIX "address"), &q->m.arena);
	verb_begin(q);
}

/* Could he have as an owner what he has not as himself? r: of rights_check. */
static bool may_own(const struct question *q, int r)
{
	return !q->asked_owner && !q->id.admin && q->id.user.n > 0 && rights_of_owner(q->verb) && (r < 0 || verb_scoped(q->verb)) &&
		ipc_get(&q->m, PREFIX "address").n > 0;
}

static void verb_begin(struct question *q)
{
	struct buf why;
	int r;

	buf_init(&why, 256);
	r = rights_check(&q->id, q->verb, &q->m, PREFIX, &q->m.arena, &q->rights, &why);
	if (may_own(q, r))
		lookup("owns", q->id.user, peek_normal(ipc_get(&q->m, PREFIX "address"), &q->m.arena), ownership_seen, q);
	else if (r < 0)
		question_refuse(q, EX_NOPERM, buf_cstr(&why), NULL);
	else if (q->id.admin || q->rights.address.n == 0)
		old_password(q);
	else
		lookup("account", STR(""), q->rights.address, target_seen, q);
	buf_done(&why);
}

/* --- the question has somebody who asks it ------------------------------------------------- */

static bool csrf_needed(const struct question *q)
{
	return q->login[0] && (strcmp(q->op, "logout") == 0 || strcmp(q->op, "send") == 0 || (q->verb && q->verb->effect == EFFECT_CHANGE));
}

static void identified(struct question *q)
{
	struct login *k = q->login[0] ? login_by_id(authd.logins, str_of(q->login)) : NULL;

	if (csrf_needed(q) && (!k || !login_csrf_good(k, ipc_get(&q->m, "csrf")))) {
		question_refuse(q, EX_NOPERM, "the page is not that of this login: load it again", NULL);
	} else if (strcmp(q->op, "logout") == 0) {
		if (k)
			login_end(authd.logins, k);
		gate_answer(q->reply, EX_OK, NULL, NULL);
		q->reply = -1;
		question_free(q);
	} else if (strcmp(q->op, "verbs") == 0) {
		answer_verbs(q);
	} else if (strcmp(q->op, "send") == 0) {
		gate_send(q);
	} else if (q->verb) {
		verb_begin(q);
	} else {
		answer_me(q);
	}
}

void question_is_of(struct question *q, const struct ipc_msg *account)
{
	q->id.user = q->id.who = arena_str(&q->m.arena, ipc_get(account, "user"));
	q->name = arena_str(&q->m.arena, ipc_get(account, "name"));
	rights_roles(arena_str(&q->m.arena, ipc_get(account, "roles")), &q->id);
	q->id.metrics = false; /* a token's alone */
	q->id.send = STR("");
}

/* The account behind a login, as it is now. */
static void account_seen(void *arg, const struct ipc_msg *account)
{
	struct question *q = arg;
	struct login *k = login_by_id(authd.logins, str_of(q->login));
	struct str result = account ? ipc_get(account, "result") : STR("temp");
	uint64_t number = 0;

	if (str_eqc(result, "temp")) {
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
		return;
	}
	ipc_get_u64(account, "account", UINT64_MAX, &number);
	if (!k || !str_eqc(result, "ok") || number != k->account) {
		if (k)
			login_end(authd.logins, k);
		nobody(q);
		return;
	}
	question_is_of(q, account);
	identified(q);
}

static void by_cookie(struct question *q)
{
	struct login *k = login_find(authd.logins, ipc_get(&q->m, "cookie"), clock_mono_ms(), clock_unix(),
		strcmp(q->op, "check") != 0);

	if (!k) {
		nobody(q);
		return;
	}
	memcpy(q->login, k->id, sizeof(q->login));
	lookup("account", STR(""), str_of(k->user), account_seen, q);
}

/* When it was used last, now and then. */
static void token_used(struct str id)
{
	struct ipc_msg m;

	ipc_init(&m, "control");
	ipc_setc(&m, "verb", "token used");
	ipc_set(&m, "id", id);
	control_run(&m, -1);
	ipc_done(&m);
}

static void token_seen(void *arg, const struct ipc_msg *token)
{
	struct question *q = arg;
	struct str id, secret;
	uint64_t expires = 0, last = 0, now = (uint64_t)clock_unix();

	if (!token) {
		question_refuse(q, EX_TEMPFAIL, "the directory is not available: try again", NULL);
		return;
	}
	ipc_get_u64(token, "expires", INT64_MAX, &expires);
	ipc_get_u64(token, "last", INT64_MAX, &last);
	if (!str_eqc(ipc_get(token, "result"), "ok") ||
		!secret_split(ipc_get(&q->m, "token"), &id, &secret) ||
		!secret_good(secret, ipc_get(token, "digest"))) {
		guard_token(&q->peer, STR_NONE);
		nobody(q);
		return;
	}
	if (expires && expires <= now) { /* no guess: it was good once */
		nobody(q);
		return;
	}
	guard_token(&q->peer, id);
	if (last + TOKEN_USED_S <= now && strcmp(q->op, "check") != 0)
		token_used(id);
	q->id.user = STR("");
	q->id.who = str_of(arena_fmt(&q->m.arena, "token:%.*s", STRF(ipc_get(token, "label"))));
	q->name = arena_str(&q->m.arena, ipc_get(token, "label"));
	rights_roles(arena_str(&q->m.arena, ipc_get(token, "roles")), &q->id);
	identified(q);
}

static void by_token(struct question *q)
{
	struct str id, secret;

	if (secret_split(ipc_get(&q->m, "token"), &id, &secret))
		lookup("token", STR(""), id, token_seen, q);
	else
		nobody(q);
}

/* --- a message of webadmind --------------------------------------------------------------------- */

static struct question *question_new(const struct ipc_msg *m, int reply)
{
	struct question *q = mem_alloc(1, sizeof(*q));
	size_t i;

	ipc_init(&q->m, "ask");
	for (i = 0; i < m->nfields; i++)
		ipc_set(&q->m, arena_cstr(&q->m.arena, m->field[i].name), m->field[i].value);
	q->reply = reply;
	snprintf(q->op, sizeof(q->op), "%.*s", STRF(ipc_get(m, "op")));
	if (addr_parse(ipc_get(m, "peer"), &q->peer) < 0)
		q->peer = (struct addr){ 0 };
	q->name = STR("");
	return q;
}

bool gate_message(struct client *c, struct ipc_msg *m)
{
	static const char ops[] = " login logout me check verbs invite send verb ";
	int reply = ipc_take_fd(m, "reply");
	struct question *q;
	char word[16];

	(void)c;
	snprintf(word, sizeof(word), " %.*s ", STRF(str_sub(ipc_get(m, "op"), 0, 12)));
	if (reply < 0 || !ipc_is(m, "ask") || !strstr(ops, word)) {
		fd_close(&reply);
		return false;
	}
	q = question_new(m, reply);
	if (strcmp(q->op, "verb") == 0) {
		q->verb = verb_named(arena_cstr(&q->m.arena, ipc_get(&q->m, "verb")));
		if (!q->verb) {
			question_refuse(q, EX_USAGE, "there is no such verb", NULL);
			return true;
		}
	}
	if (strcmp(q->op, "login") == 0)
		gate_login(q);
	else if (strcmp(q->op, "invite") == 0)
		gate_invite(q);
	else if (ipc_get(&q->m, "token").p)
		by_token(q);
	else if (ipc_get(&q->m, "cookie").p)
		by_cookie(q);
	else
		nobody(q);
	return true;
}
