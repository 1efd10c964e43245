/* SPDX-License-Identifier: ISC
 *
 * sasl.c: carries SASL exchanges between a client and authd (RFC 4422,
 * auth/auth.h). No mechanism is known here: bytes go through; with EXTERNAL
 * goes the certificate that the client showed.
 *
 *   start -> AUTHD -> challenge -> client's answer line -> AUTHD -> ... -> result
 *
 * While authd thinks nothing is read from the client. An exchange has a
 * number of its own; answers to a number that is gone are dropped. When
 * success comes with data (SCRAM's last message), the data is told as a
 * challenge and an empty answer ends the exchange (RFC 4954 4, RFC 5034 4).
 * What a client sent is wiped as soon as authd has it.
 */
#include "base/codec.h"
#include "front/conn.h"
#include "net/client_cert.h"
#include "trace/trace.h"

#define USER_MAX 320
#define TICKET_MAX 256
#define DATA_MAX 65536
#define SASL_BEFORE "POP-BEFORE-SMTP"

static struct str sasl_key(const uint64_t *id)
{
	return str_make(id, sizeof *id);
}

static void forget_exchange(struct conn *c)
{
	if (c->sasl)
		table_remove(&c->front->by_sasl, sasl_key(&c->sasl));
	c->sasl = 0;
	c->sasl_turn = c->sasl_final = false;
}

void sasl_abort(struct conn *c)
{
	struct ipc_msg m;

	if (!c->sasl)
		return;
	ipc_init(&m, "sasl-abort");
	ipc_set_u64(&m, "id", c->sasl);
	links_send(c->front, "authd", &m); /* lost: authd's own deadline ends it */
	ipc_done(&m);
	forget_exchange(c);
}

void sasl_forget(struct conn *c)
{
	struct ipc_msg m;

	ipc_init(&m, "forget");
	ipc_setc(&m, "session", c->id);
	links_send(c->front, "authd", &m); /* lost: it ends with its age */
	ipc_done(&m);
}

static void give_up(struct conn *c, enum sasl_result r)
{
	forget_exchange(c);
	c->service->dialogue->result(c, r);
}

/* Sends a step; from TALK to AUTHD, or tells the client that it cannot be. */
static void submit(struct conn *c, struct ipc_msg *m)
{
	if (links_send(c->front, "authd", m) < 0) {
		give_up(c, SASL_UNAVAILABLE);
		return;
	}
	c->sasl_turn = false;
	conn_move(c, CONN_AUTHD);
	conn_deadline(c, c->front->conf->limit_auth_wait);
}

static void set_bindings(struct conn *c, struct ipc_msg *m)
{
	struct buf b;

	buf_init(&b, 256);
	if (tls_binding_exporter(c->tls, &b) == 0)
		ipc_set(m, "cb_exporter", buf_view(&b));
	buf_reset(&b);
	if (tls_binding_unique(c->tls, &b) == 0)
		ipc_set(m, "cb_unique", buf_view(&b));
	buf_reset(&b);
	if (tls_binding_server_end_point(c->tls, &b) == 0)
		ipc_set(m, "cb_end_point", buf_view(&b));
	buf_wipe(&b);
}

static void set_chain(struct conn *c, struct ipc_msg *m)
{
	struct buf b;

	buf_init(&b, CLIENT_CHAIN_MAX);
	if (tls_peer_chain(c->tls, &b) && !b.err)
		ipc_set(m, "client_chain", buf_view(&b));
	buf_done(&b);
}

/* What authd is asked, and by whom. */
static void begin(struct conn *c, const char *verb, struct str mech, struct ipc_msg *m)
{
	struct front *f = c->front;
	char peer[ADDR_TEXT], *p;

	conn_set(&c->mech, mech);
	for (p = c->mech; *p; p++) /* clients may write it in any case; authd, and RFC 4422 3.1, know capitals */
		*p = ascii_upper(*p);
	c->sasl = ++f->next_sasl;
	table_set(&f->by_sasl, sasl_key(&c->sasl), c);
	ipc_init(m, verb);
	ipc_set_u64(m, "id", c->sasl);
	ipc_setc(m, "service", c->service->name);
	ipc_setc(m, "peer", addr_text(&c->peer, peer));
	ipc_setc(m, "session", c->id);
}

void sasl_before(struct conn *c, struct str sender)
{
	struct ipc_msg m;

	begin(c, "before", STR(SASL_BEFORE), &m);
	ipc_set(&m, "sender", sender);
	ipc_set_bool(&m, "tls", c->tls != NULL);
	submit(c, &m);
	ipc_done(&m);
}

void sasl_start(struct conn *c, struct str mech, struct str initial)
{
	char local[ADDR_TEXT];
	struct ipc_msg m;

	begin(c, "sasl-start", mech, &m);
	ipc_setc(&m, "mech", c->mech);
	if (initial.p)
		ipc_set(&m, "initial", initial);
	ipc_setc(&m, "local", addr_text(&c->local, local));
	if (c->tls) {
		ipc_setc(&m, "tls_version", tls_version(c->tls));
		ipc_set_u64(&m, "tls_bits", tls_bits(c->tls));
		set_bindings(c, &m);
		if (strcmp(c->mech, "EXTERNAL") == 0)
			set_chain(c, &m);
	}
	submit(c, &m);
	ipc_done(&m);
}

void sasl_plain(struct conn *c, struct str user, struct str password)
{
	struct buf b;

	buf_init(&b, 2 * IMAP_LITERAL_MAX + 16);
	buf_c(&b, '\0');
	buf_str(&b, user);
	buf_c(&b, '\0');
	buf_str(&b, password);
	sasl_start(c, STR("PLAIN"), buf_view(&b));
	buf_wipe(&b);
}

static void step(struct conn *c, struct str data)
{
	struct ipc_msg m;

	ipc_init(&m, "sasl-step");
	ipc_set_u64(&m, "id", c->sasl);
	ipc_set(&m, "data", data.p ? data : STR(""));
	submit(c, &m);
	ipc_done(&m);
}

/* The answer to a final message: empty, and the login is done. */
static void final_answer(struct conn *c, int r, struct str data)
{
	bool good = r == 0 && data.n == 0;

	forget_exchange(c);
	if (!good) {
		conn_set(&c->user, STR_NONE);
		conn_set(&c->ticket, STR_NONE);
	}
	c->service->dialogue->result(c, good ? SASL_OK : r == E_CLOSED ? SASL_ABORTED : SASL_SYNTAX);
}

int sasl_step(struct conn *c)
{
	struct str line;
	struct buf data;
	int r = conn_line(c, c->front->conf->limit_auth_line, &line);

	if (r == 0)
		return 0;
	if (r < 0) {
		conn_bye(c, r == E_LIMIT ? BYE_TOO_LONG : BYE_MALFORMED);
		return 1;
	}
	buf_init(&data, DATA_MAX);
	r = parse_sasl(line, &data);
	if (c->sasl_final) {
		final_answer(c, r, buf_view(&data));
	} else if (!c->sasl) { /* authd went away meanwhile */
		give_up(c, SASL_UNAVAILABLE);
	} else if (r < 0) {
		sasl_abort(c);
		c->service->dialogue->result(c, r == E_CLOSED ? SASL_ABORTED : SASL_SYNTAX);
	} else {
		step(c, buf_view(&data));
	}
	buf_wipe(&data);
	return 1;
}

static void trace_login(struct conn *c, bool ok, const char *why)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, ok ? TRACE_INFO : TRACE_WARN, ok ? "login" : "login-failed");
	trace_s(&t, "s", c->id);
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	if (c->user)
		trace_s(&t, "user", c->user);
	if (c->mech)
		trace_s(&t, "mech", c->mech);
	trace_s(&t, "tls", c->tls ? tls_version(c->tls) : "none");
	if (why)
		trace_s(&t, "why", why);
	trace_end(&t);
}

bool sasl_login_done(struct conn *c)
{
	struct front *f = c->front;

	if (limits_user(&f->limits, str_of(c->user), (size_t)f->conf->limit_sessions_per_user) !=
		LIMITS_OK) {
		trace_login(c, false, "too many sessions of the account");
		conn_set(&c->user, STR_NONE);
		conn_set(&c->ticket, STR_NONE);
		return false;
	}
	c->in_user = true;
	if (c->in_address)
		limits_address_leave(&f->limits, &c->peer);
	c->in_address = false;
	trace_login(c, true, NULL);
	return true;
}

bool sasl_outcome(struct conn *c, enum sasl_result r, const char *tag)
{
	/* that we cannot decide now, or too many sessions, is no failure of the client's */
	bool counts = r == SASL_FAIL || r == SASL_LIMIT || r == SASL_ABORTED || r == SASL_SYNTAX;

	if (r == SASL_OK && sasl_login_done(c))
		return true;
	conn_say(c, "%s%s%s", tag ? tag : "", tag ? " " : "", c->service->dialogue->refused[r]);
	if (counts && ++c->failures >= (uint64_t)c->front->conf->limit_login_failures)
		conn_bye(c, BYE_FAILURES);
	return false;
}

/* ---- authd's answers */

static void tell_challenge(struct conn *c, struct str data)
{
	struct buf b;

	buf_init(&b, 2 * DATA_MAX);
	base64_encode(data, &b);
	c->sasl_turn = true;
	c->service->dialogue->challenge(c, buf_view(&b));
	buf_wipe(&b);
}

/* Facts of a good login; false: authd's answer is not usable. */
static bool take_ticket(struct conn *c, const struct ipc_msg *m)
{
	struct str user = ipc_get(m, "user"), ticket = ipc_get(m, "ticket");

	if (user.n == 0 || user.n > USER_MAX || str_has_ctl(user) || ticket.n == 0 ||
		ticket.n > TICKET_MAX || str_has_ctl(ticket))
		return false;
	conn_set(&c->user, user);
	conn_set(&c->ticket, ticket);
	return true;
}

static void refused(struct conn *c, const struct ipc_msg *m, enum sasl_result r)
{
	struct str user = ipc_get(m, "user"), text = ipc_get(m, "text");
	char why[128];

	snprintf(why, sizeof why, "%.*s", STRF(text));
	if (!c->user && user.n <= USER_MAX)
		conn_set(&c->user, user);
	if (!c->mech || strcmp(c->mech, SASL_BEFORE) != 0) /* that nobody logged in before is no failed login */
		trace_login(c, false, text.n > 0 ? why : r == SASL_FAIL ? "refused" : "unavailable");
	conn_set(&c->user, STR_NONE);
	give_up(c, r);
}

static void answer(struct conn *c, const struct ipc_msg *m)
{
	struct str result = ipc_get(m, "result"), data = ipc_get(m, "data");

	conn_move(c, CONN_TALK);
	conn_command_deadline(c);
	if (data.n > DATA_MAX / 2) {
		refused(c, m, SASL_UNAVAILABLE);
	} else if (str_eqc(result, "continue")) {
		tell_challenge(c, data);
	} else if (str_eqc(result, "ok") && take_ticket(c, m)) {
		if (data.n > 0) {
			c->sasl_final = true;
			tell_challenge(c, data);
		} else {
			give_up(c, SASL_OK);
		}
	} else if (str_eqc(result, "fail")) {
		refused(c, m, SASL_FAIL);
	} else {
		refused(c, m, str_eqc(result, "limit") ? SASL_LIMIT : str_eqc(result, "clock") ? SASL_CLOCK : SASL_UNAVAILABLE);
	}
	conn_run(c);
}

static void set_offer(char **field, struct str words)
{
	size_t i;

	free(*field);
	*field = mem_alloc(1, words.n + 1);
	for (i = 0; i < words.n; i++) { /* goes into our replies: mechanism names only */
		char b = words.p[i];

		(*field)[i] = parse_is_mech(str_make(&b, 1)) ? b : ' ';
	}
}

void sasl_message(struct front *f, struct ipc_msg *m)
{
	struct conn *c;
	uint64_t id;

	if (ipc_is(m, "offer")) {
		set_offer(&f->mechs_tls, ipc_get(m, "mechs"));
		set_offer(&f->mechs_clear, ipc_get(m, "clear"));
		f->apop_tls = ipc_get_bool(m, "apop");
		f->apop_clear = ipc_get_bool(m, "apop_clear");
		set_offer(&f->mechs_certificate, ipc_get(m, "certificate"));
		return;
	}
	if (ipc_is(m, "bans")) {
		banlist_message(f->bans, m);
		return;
	}
	if (!ipc_is(m, "sasl") || ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)
		return;
	c = table_get(&f->by_sasl, sasl_key(&id));
	if (c && c->state == CONN_AUTHD)
		answer(c, m);
}

/* authd is gone: nobody will answer what is open. */
void sasl_link_lost(struct front *f)
{
	struct conn *c, *next;

	for (c = f->conns; c; c = next) {
		next = c->next;
		if (!c->sasl || c->sasl_final)
			continue;
		if (c->state != CONN_AUTHD) { /* the client's turn: told after its answer */
			table_remove(&f->by_sasl, sasl_key(&c->sasl));
			c->sasl = 0;
			continue;
		}
		conn_move(c, CONN_TALK);
		conn_command_deadline(c);
		give_up(c, SASL_UNAVAILABLE);
		conn_run(c);
	}
}
