/* SPDX-License-Identifier: ISC
 *
 * offer.c: which mechanisms the fronts advertise and may begin: those of [auth] mechanisms, in that order; SCRAM of a
 * hash only where there are keys for it (`auth.scram`), with -PLUS before it under TLS; without TLS nothing, unless the
 * settings say so, and access tokens never: whoever reads one is the person. These only where [oauth] is set up;
 * EXTERNAL only to clients with a certificate, where [auth] client_ca is. CRAM-MD5 and APOP (which is no SASL
 * mechanism: the greeting of POP3 shows it) only while an account has a shared secret. The directory is asked again
 * after every change of it.
 *
 * Invariant: each front was told of the offer in force; none is before the directory answered once, and then we
 * are ready.
 */
#include "auth/authd.h"
#include "auth/bearer.h"
#include "auth/kerberos.h"
#include "auth/password.h"
#include "auth/sasl_private.h"
#include "conf/oauth.h"

#define OFFER_RETRY_S 1
#define OFFER_MAX 512

struct text {
	char p[OFFER_MAX];
};

static struct text told[OFFERS];
static bool told_apop[2]; /* in clear, under TLS */

/* They show no password, but a word of which secrets can be guessed: without TLS only where the settings say so. */
static bool shared_offered(bool tls)
{
	const struct conf *c = authd.program.conf;

	return authd.shared && (tls || c->auth_allow_clear || c->auth_shared_secret_clear);
}

static bool apop_offered(bool tls)
{
	const struct conf *c = authd.program.conf;
	bool listed = false;
	size_t i;

	for (i = 0; i < c->auth_mechanisms.n; i++)
		listed |= str_eqc(c->auth_mechanisms.v[i], "APOP");
	return listed && shared_offered(tls);
}

/* Is this one of [auth] mechanisms offered now? */
static bool offered_one(enum offer to, struct str mech)
{
	bool tls = to != OFFER_CLEAR;
	const struct conf *c = authd.program.conf;
	unsigned kind = scram_kind(mech);

	if (sasl_shared_is(mech) ? !shared_offered(tls) || str_eqc(mech, "APOP") : !tls && !c->auth_allow_clear)
		return false;
	if (kind && !(authd.scram & kind))
		return false;
	if (bearer_is(mech) && (!tls || !conf_oauth_on(c)))
		return false;
	if (str_eqc(mech, "EXTERNAL") && (to != OFFER_CERTIFICATE || c->auth_client_ca.n == 0))
		return false;
	return !kerberos_is(mech) || (authd.kerberos && c->kerberos_keytab.n > 0);
}

/* With a second name, bound to the channel. */
static bool has_plus(enum offer to, struct str mech)
{
	return to != OFFER_CLEAR && (scram_kind(mech) || str_starts(mech, "GS2-"));
}

/* What is offered now: words with a space between. */
static struct text offered(enum offer to)
{
	const struct conf *c = authd.program.conf;
	struct text t = { "" };
	struct buf b;
	size_t i;

	buf_init(&b, sizeof(t.p) - 1);
	for (i = 0; i < c->auth_mechanisms.n; i++) {
		struct str mech = c->auth_mechanisms.v[i];

		if (!offered_one(to, mech))
			continue;
		if (has_plus(to, mech))
			buf_fmt(&b, "%s%.*s-PLUS", b.n ? " " : "", STRF(mech));
		buf_fmt(&b, "%s%.*s", b.n ? " " : "", STRF(mech));
	}
	snprintf(t.p, sizeof(t.p), "%.*s", STRF(buf_view(&b)));
	buf_done(&b);
	return t;
}

bool offer_has(enum offer to, struct str mech)
{
	const struct conf *c = authd.program.conf;
	bool plus = str_ends(mech, "-PLUS");
	struct str name = plus ? str_sub(mech, 0, mech.n - strlen("-PLUS")) : mech;
	size_t i;

	if (str_eqc(mech, "APOP"))
		return apop_offered(to != OFFER_CLEAR);
	for (i = 0; i < c->auth_mechanisms.n; i++) {
		struct str v = c->auth_mechanisms.v[i];

		if ((str_eq(v, mech) || (plus && str_eq(v, name) && has_plus(to, v))) && offered_one(to, v))
			return true;
	}
	return false;
}

void offer_send(struct client *c)
{
	struct text tls = offered(OFFER_TLS), clear = offered(OFFER_CLEAR), certificate = offered(OFFER_CERTIFICATE);
	struct ipc_msg m;

	if (!authd.offered || strcmp(c->name, "front") != 0)
		return;
	ipc_init(&m, "offer");
	ipc_setc(&m, "mechs", tls.p);
	ipc_setc(&m, "clear", clear.p);
	ipc_set_bool(&m, "apop", apop_offered(true));
	ipc_set_bool(&m, "apop_clear", apop_offered(false));
	ipc_setc(&m, "certificate", certificate.p);
	client_send(c, &m);
}

static void offer_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	offer_refresh();
}

/* Kinds of keys that SCRAM is offered with: all accounts have them, or the settings say so. */
static unsigned kinds_now(uint64_t complete)
{
	const struct conf *c = authd.program.conf;
	enum { AUTO, ON, OFF } want = (int)c->auth_scram;
	unsigned listed = scram_kinds(c->auth_mechanisms.v, c->auth_mechanisms.n);

	/* a main password that is for the web page alone has keys for nothing */
	if (want == OFF || c->auth_main_password == CONF_MAIN_PASSWORD_WEB)
		return 0;
	return listed & (want == ON ? scram_kinds(c->auth_scram_keys.v, c->auth_scram_keys.n) : (unsigned)complete);
}

static void offer_known(struct pool_job *job, struct ipc_msg *answer)
{
	const struct timeval later = { .tv_sec = OFFER_RETRY_S };
	bool first = !authd.offered, other = first, apop;
	struct text now[OFFERS];
	enum offer i;
	size_t j;
	uint64_t complete = 0;

	(void)job;
	if (!answer || !str_eqc(ipc_get(answer, "result"), "ok") ||
		ipc_get_u64(answer, "scram", UINT32_MAX, &complete) < 0) {
		/* what was offered stays; ready only with the first answer */
		event_base_once(authd.base, -1, EV_TIMEOUT, offer_again, NULL, &later);
		return;
	}
	authd.scram = kinds_now(complete);
	authd.shared = ipc_get_bool(answer, "shared");
	authd.offered = true;
	for (j = 0; j < ARRAY_LEN(told_apop); j++) {
		apop = apop_offered(j > 0);
		other |= apop != told_apop[j];
		told_apop[j] = apop;
	}
	for (i = 0; i < OFFERS; i++) {
		now[i] = offered(i);
		other |= strcmp(now[i].p, told[i].p) != 0;
	}
	if (first)
		program_ready(&authd.program);
	if (other)
		clients_each(offer_send);
	memcpy(told, now, sizeof(told));
}

void offer_refresh(void)
{
	struct pool_job *job = pool_job_new("offer", offer_known, NULL);

	job->lookup = true;
	if (!pool_add(authd.pool, STR(""), job))
		pool_job_free(job);
}
