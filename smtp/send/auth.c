/* SPDX-License-Identifier: ISC
 *
 * auth.c: logging in at another server (see auth.h): glue to the Cyrus SASL client.
 *
 * The library gets one mechanism, chosen here, and can read no file: its plug-ins are
 * loaded before the sandbox falls, and no configuration is. The password lives in
 * one block of memory that is wiped with the login. XOAUTH2 is no standard and no matter
 * of the library: a name and a bearer token in one message, only under TLS, only if it
 * was asked for by its name.
 */
#include "smtp/send/auth.h"

#include <sasl/sasl.h>

#include "base/codec.h"
#include "smtp/send/reply.h"

#define XOAUTH2 "XOAUTH2"
#define CHALLENGE_MAX 12288 /* RFC 4954 4 */
#define COMMAND_MAX 500 /* longer first answers wait for their 334 (RFC 4954 4) */

struct auth {
	sasl_conn_t *conn;
	sasl_callback_t callbacks[4];
	char *user;
	sasl_secret_t *secret;
	size_t secret_size;
	const char *mech;
	char *first; /* waits for an empty challenge */
	size_t first_n;
	bool complete;
	bool told; /* XOAUTH2: the reasons of a refusal were heard */
};

static const struct {
	unsigned bit;
	const char *name;
	bool tls;
} mechanisms[] = {
	{ MECH_SCRAM_SHA_256, "SCRAM-SHA-256", false },
	{ MECH_SCRAM_SHA_1, "SCRAM-SHA-1", false },
	{ MECH_PLAIN, "PLAIN", true },
	{ MECH_LOGIN, "LOGIN", true },
	{ MECH_XOAUTH2, XOAUTH2, true },
};

/* ---- call-backs of the library */

typedef int (*any_callback)(void);

static int verify_file(void *ctx, const char *file, sasl_verify_type_t type)
{
	static const char *const wanted[] = { "libplain.so", "liblogin.so", "libscram.so" };
	const char *base = strrchr(file, '/');
	size_t i;

	(void)ctx;
	base = base ? base + 1 : file;
	for (i = 0; type == SASL_VRFY_PLUGIN && i < ARRAY_LEN(wanted); i++)
		if (strncmp(base, wanted[i], strlen(wanted[i])) == 0)
			return SASL_OK;
	return SASL_CONTINUE;
}

/* Its messages may hold what a server sent: they go nowhere. */
static int log_nothing(void *ctx, int level, const char *text)
{
	(void)ctx, (void)level, (void)text;
	return SASL_OK;
}

static int give_name(void *ctx, int id, const char **out, unsigned *n)
{
	const struct auth *a = ctx;

	/* no other identity is asked for: the server derives it */
	*out = id == SASL_CB_AUTHNAME ? a->user : "";
	if (n)
		*n = (unsigned)strlen(*out);
	return SASL_OK;
}

static int give_password(sasl_conn_t *conn, void *ctx, int id, sasl_secret_t **out)
{
	const struct auth *a = ctx;

	(void)conn, (void)id;
	*out = a->secret;
	return SASL_OK;
}

int auth_init(void)
{
	static const sasl_callback_t callbacks[] = {
		{ SASL_CB_VERIFYFILE, (any_callback)(void (*)(void))verify_file, NULL },
		{ SASL_CB_LOG, (any_callback)(void (*)(void))log_nothing, NULL },
		{ SASL_CB_LIST_END, NULL, NULL },
	};

	return sasl_client_init(callbacks) == SASL_OK ? 0 : E_UNSUPPORTED;
}

/* ---- a login */

static const char *choose(struct str wanted, unsigned mechs, bool tls)
{
	bool any = wanted.n == 0 || str_eqc(wanted, "auto");
	size_t i;

	for (i = 0; i < ARRAY_LEN(mechanisms); i++)
		if ((any ? mechanisms[i].bit != MECH_XOAUTH2 : str_ieqc(wanted, mechanisms[i].name)) &&
			(mechs & mechanisms[i].bit) && (tls || !mechanisms[i].tls))
			return mechanisms[i].name;
	return NULL;
}

static void keep_secret(struct auth *a, struct str password)
{
	a->secret_size = sizeof *a->secret + password.n + 1;
	a->secret = mem_alloc(1, a->secret_size);
	a->secret->len = password.n;
	if (password.n)
		memcpy(a->secret->data, password.p, password.n);
}

/* A connection of the library for one login. */
static int library(struct auth *a, const char *host, bool tls)
{
	sasl_security_properties_t props = { .max_ssf = 0, .maxbufsize = 0 };

	if (!tls)
		props.security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS;
	a->callbacks[0] = (sasl_callback_t){ SASL_CB_USER, (any_callback)(void (*)(void))give_name, a };
	a->callbacks[1] = (sasl_callback_t){ SASL_CB_AUTHNAME, (any_callback)(void (*)(void))give_name, a };
	a->callbacks[2] = (sasl_callback_t){ SASL_CB_PASS, (any_callback)(void (*)(void))give_password, a };
	a->callbacks[3] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	return sasl_client_new("smtp", host, NULL, NULL, a->callbacks, 0, &a->conn) == SASL_OK &&
		sasl_setprop(a->conn, SASL_SEC_PROPS, &props) == SASL_OK ? 0 : E_UNSUPPORTED;
}

struct auth *auth_new(const char *host, struct str user, struct str password, struct str wanted,
	unsigned mechs, bool tls)
{
	const char *mech = choose(wanted, mechs, tls);
	struct auth *a;

	if (!mech)
		return NULL;
	a = mem_alloc(1, sizeof *a);
	a->mech = mech;
	a->user = mem_alloc(user.n + 1, 1);
	if (user.n)
		memcpy(a->user, user.p, user.n);
	keep_secret(a, password);
	if (strcmp(mech, XOAUTH2) != 0 && library(a, host, tls)) {
		auth_free(a);
		return NULL;
	}
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	if (a->conn)
		sasl_dispose(&a->conn);
	explicit_bzero(a->secret, a->secret_size);
	free(a->secret);
	if (a->first)
		explicit_bzero(a->first, a->first_n);
	free(a->first);
	free(a->user);
	free(a);
}

const char *auth_mechanism(const struct auth *a)
{
	return a->mech;
}

bool auth_complete(const struct auth *a)
{
	return a->complete;
}

/* 0 going on or complete. */
static int outcome(struct auth *a, int r)
{
	if (r == SASL_OK)
		a->complete = true;
	return r == SASL_OK || r == SASL_CONTINUE ? 0 : E_DENIED;
}

/* The first message: of the library, or "user=" NAME ^A "auth=Bearer " TOKEN ^A ^A in b. */
static int first(struct auth *a, struct buf *b, const char **answer, unsigned *n)
{
	const char *mech = NULL;

	if (a->conn)
		return outcome(a, sasl_client_start(a->conn, a->mech, NULL, answer, n, &mech));
	buf_fmt(b, "user=%s\001auth=Bearer ", a->user);
	buf_str(b, str_make((const char *)a->secret->data, a->secret->len));
	buf_puts(b, "\001\001");
	*answer = buf_cstr(b);
	*n = (unsigned)b->n;
	a->complete = true;
	return b->err;
}

static int say_first(struct auth *a, const char *answer, unsigned n, struct buf *out)
{
	buf_fmt(out, "AUTH %s", a->mech);
	if (!answer)
		return out->err;
	if (strlen(a->mech) + 6 + (size_t)n * 4 / 3 + 4 > COMMAND_MAX) {
		a->first = mem_alloc((size_t)n + 1, 1);
		memcpy(a->first, answer, n);
		a->first_n = n;
		return out->err;
	}
	buf_c(out, ' ');
	if (n)
		base64_encode(str_make(answer, n), out);
	else
		buf_c(out, '=');
	return out->err;
}

int auth_start(struct auth *a, struct buf *out)
{
	const char *answer = NULL;
	unsigned n = 0;
	struct buf b;
	int r;

	buf_init(&b, CHALLENGE_MAX);
	r = first(a, &b, &answer, &n);
	if (r == 0)
		r = say_first(a, answer, n, out);
	buf_wipe(&b);
	return r;
}

int auth_step(struct auth *a, struct str challenge, struct buf *out)
{
	const char *answer = NULL;
	struct buf plain;
	unsigned n = 0;
	int r;

	if (a->first) { /* the first answer, which was too long for the command */
		base64_encode(str_make(a->first, a->first_n), out);
		explicit_bzero(a->first, a->first_n);
		free(a->first);
		a->first = NULL;
		return challenge.n ? E_SYNTAX : out->err;
	}
	if (!a->conn && !a->told) { /* XOAUTH2: a refusal with reasons wants an empty line before its 535 */
		a->told = true;
		return out->err;
	}
	if (a->complete) /* the server's last word came before: nothing is left to say */
		return E_SYNTAX;
	buf_init(&plain, CHALLENGE_MAX);
	r = base64_decode(challenge, &plain);
	if (r == 0)
		r = outcome(a, sasl_client_step(a->conn, buf_cstr(&plain), (unsigned)plain.n, NULL, &answer, &n));
	if (r == 0 && n)
		base64_encode(str_make(answer, n), out);
	buf_wipe(&plain);
	return r ? r : out->err;
}
