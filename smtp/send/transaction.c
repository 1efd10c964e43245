/* SPDX-License-Identifier: ISC
 *
 * transaction.c: one message over a session that is READY: MAIL, RCPT, DATA, the
 * content, the answer (RFC 5321 3.3; LMTP: one answer for each recipient, RFC 2033
 * 4.2). Part of the machine of client.h.
 *
 * A job of many recipients goes in several transactions, at most opt->recipients each; who
 * was refused because there were too many (RFC 5321 4.5.3.1.10) goes in the next one, as
 * long as each takes somebody.
 *
 * MAIL and the RCPTs are sent together if the server offers PIPELINING (RFC 2920); DATA
 * waits for the answers, so that no message goes to nobody. With CHUNKING too (RFC 3030) the
 * message goes in BDATs, which do not wait for one another: when one is refused no more
 * come, and RSET follows when all that were sent are answered. A server that offers CHUNKING
 * and does not know BDAT reads the message as commands: the session ends there.
 */
#include "base/codec.h"
#include "mail/envelope.h"
#include "smtp/send/client.h"

#define OUT_LOW 32768 /* below this more of the message is read */
#define CHUNK 65536 /* bytes of the message in one BDAT */

static void next_batch(struct client *c);

static struct str printed(struct client *c, const struct reply *r)
{
	struct buf b;
	struct str s;

	buf_init(&b, 2 * REPLY_TEXT);
	reply_print(r, &b);
	s = arena_str(&c->job->a, buf_view(&b));
	buf_done(&b);
	return s;
}

/* Refusals that speak of the session or of us, not of the mail: they pass when the admin
 * has mended something, and no message is lost for them. */
static bool not_the_mail(int code)
{
	return code == 503 || code == 530 || code == 534 || code == 535 || code == 538;
}

/* It offered something, or must know it (RFC 5321 4.5.1), and refuses it now: a command or a parameter that it
 * does not know. Another day it does. 501 with 5.1.x is about the address. */
static bool broke_its_word(const struct reply *r)
{
	return r->code == 500 || r->code == 502 || r->code == 504 || r->code == 555 ||
		(r->code == 501 && str_starts(str_of(r->status), "5.5."));
}

static void set(struct client *c, struct job_rcpt *to, const struct reply *r)
{
	if (broke_its_word(r))
		job_set(c->job, to, 451, "4.5.0", printed(c, r));
	else if (not_the_mail(r->code))
		job_set(c->job, to, 451, "4.7.0", printed(c, r));
	else
		job_set(c->job, to, r->code, r->status, printed(c, r));
}

/* The server says good-bye (RFC 5321 3.8), or what is no answer at all. */
static bool over(struct client *c, const struct reply *r)
{
	if (r->code == 421)
		client_refused(c, "4.3.2", "closes the connection", r);
	else if (r->code >= 300 && r->code < 400)
		client_refused(c, "4.5.0", "answers out of turn", r);
	else
		return false;
	return true;
}

/* --- envelope ---------------------------------------------------------------------- */

/* Our own lmtpd needs it for what an alias sends on. */
static bool says_dsn(const struct client *c)
{
	return c->ehlo.dsn || c->opt->lmtp;
}

/* What only our own lmtpd takes (docs/PROCESSES.md). */
static void say_inside(struct client *c)
{
	const struct job *j = c->job;

	buf_fmt(&c->out, " XID=%.*s", STRF(j->message));
	if (j->session.n)
		buf_fmt(&c->out, " XSESSION=%.*s", STRF(j->session));
	if (j->requiretls)
		buf_puts(&c->out, " XREQUIRETLS=1");
	if (j->priority)
		buf_fmt(&c->out, " XPRIORITY=%d", j->priority);
	if (j->peer.n) {
		buf_puts(&c->out, " XPEER=");
		xtext_encode(j->peer, &c->out);
	}
	if (j->helo.n) {
		buf_puts(&c->out, " XHELO=");
		xtext_encode(j->helo, &c->out);
	}
	if (j->user.n) {
		buf_puts(&c->out, " XUSER=");
		xtext_encode(j->user, &c->out);
	}
}

static void say_mail(struct client *c)
{
	static const char *const ret[] = { [JOB_RET_FULL] = "FULL", [JOB_RET_HDRS] = "HDRS" };
	const struct job *j = c->job;

	buf_fmt(&c->out, "MAIL FROM:<%.*s>", STRF(c->sender));
	if (c->ehlo.size_given && !j->probe)
		buf_fmt(&c->out, " SIZE=%llu", (unsigned long long)client_size(c));
	if (c->declare_8bit)
		buf_puts(&c->out, " BODY=8BITMIME");
	if (c->declare_utf8)
		buf_puts(&c->out, " SMTPUTF8");
	if (j->requiretls && c->ehlo.requiretls && !c->opt->lmtp)
		buf_puts(&c->out, " REQUIRETLS");
	if (j->priority && c->ehlo.mt_priority)
		buf_fmt(&c->out, " MT-PRIORITY=%d", j->priority);
	if (says_dsn(c) && j->ret)
		buf_fmt(&c->out, " RET=%s", ret[j->ret]);
	if (says_dsn(c) && j->envid.n)
		buf_fmt(&c->out, " ENVID=%.*s", STRF(j->envid));
	if (c->opt->lmtp)
		say_inside(c);
	buf_puts(&c->out, "\r\n");
}

/* RFC 3461 4.1: NEVER, or a list of the others. */
static void say_notify(struct client *c, uint32_t bits)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = { { NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" } };
	const char *between = " NOTIFY=";
	size_t i;

	if (bits & NOTIFY_NEVER)
		bits = NOTIFY_NEVER;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!(bits & names[i].bit))
			continue;
		buf_fmt(&c->out, "%s%s", between, names[i].name);
		between = ",";
	}
}

static void say_rcpt(struct client *c, const struct job_rcpt *r)
{
	buf_fmt(&c->out, "RCPT TO:<%.*s>", STRF(r->said.n ? r->said : r->address));
	if (says_dsn(c)) {
		say_notify(c, r->notify);
		if (r->orcpt.n)
			buf_fmt(&c->out, " ORCPT=%.*s", STRF(r->orcpt));
	}
	if (c->opt->lmtp)
		buf_fmt(&c->out, " XN=%u", r->number);
	buf_puts(&c->out, "\r\n");
}

static void say_envelope(struct client *c)
{
	size_t i;

	say_mail(c);
	c->mails++;
	c->asked = 1;
	if (c->ehlo.pipelining) {
		for (i = 0; i < c->nbatch; i++)
			say_rcpt(c, c->batch[i]);
		c->asked += c->nbatch;
	}
	client_move(c, CLIENT_ENVELOPE);
}

static struct str domain_of(struct str address)
{
	ssize_t at = str_rfind(address, '@');

	return at < 0 ? STR("") : str_from(address, (size_t)at + 1);
}

/* May it join the batch? RCPTDOMAINMAX (RFC 9422 5.3) counts different domains. */
static bool domain_fits(const struct client *c, const struct job_rcpt *r, size_t *domains)
{
	struct str domain = domain_of(r->address);
	size_t i;

	if (!c->ehlo.domain_max)
		return true;
	for (i = 0; i < c->nbatch; i++)
		if (str_ieq(domain_of(c->batch[i]->address), domain))
			return true;
	if (*domains >= c->ehlo.domain_max)
		return false;
	++*domains;
	return true;
}

/* The recipients of the next transaction: as many as it may have here. */
static void fill_batch(struct client *c)
{
	struct job *j = c->job;
	size_t i, domains = 0, max;

	if (!c->batch_cap) {
		c->batch_cap = c->opt->recipients;
		c->batch = mem_alloc(c->batch_cap, sizeof *c->batch);
	}
	max = c->ehlo.rcpt_max && c->ehlo.rcpt_max < c->batch_cap ? (size_t)c->ehlo.rcpt_max : c->batch_cap;
	c->nbatch = c->answered = c->taken = 0;
	c->mail_refused = c->chunk_refused = false;
	for (i = 0; i < j->nrcpt && c->nbatch < max; i++) {
		if (j->rcpt[i].state != RCPT_OPEN || !domain_fits(c, &j->rcpt[i], &domains))
			continue;
		j->rcpt[i].state = RCPT_TRIED;
		c->batch[c->nbatch++] = &j->rcpt[i];
	}
}

/* Nobody is left: READY. Else the next transaction begins, in another session if this one may
 * have no more. */
static void next_batch(struct client *c)
{
	fill_batch(c);
	c->news |= c->nbatch && c->state != CLIENT_READY;
	if (c->nbatch && client_spent(c) && c->state != CLIENT_READY)
		client_again(c);
	else if (c->nbatch)
		say_envelope(c);
	else if (c->state != CLIENT_READY)
		client_move(c, CLIENT_READY);
}

void client_start(struct client *c, struct job *job)
{
	BUG_ON(c->state != CLIENT_READY || c->job);
	c->job = job;
	c->retry = false;
	if (!c->opt->lmtp)
		job->remote = arena_str(&job->a, str_of(c->opt->host));
	client_fit(c);
	if (!c->retry)
		next_batch(c);
}

struct job *client_take(struct client *c)
{
	struct job *j = c->job;

	if (!j || (!c->retry && (job_open(j) || (c->state != CLIENT_READY && c->state != CLIENT_CLOSED))))
		return NULL;
	c->job = NULL;
	buf_done(&c->converted);
	c->news = false;
	c->served++;
	return j;
}

/* RFC 5321 4.5.3.1.10: 552 may mean the same as 452 here. */
static bool too_many(const struct client *c, const struct reply *r)
{
	bool said = !strcmp(r->status, "4.5.3") || !strcmp(r->status, "5.5.3");

	return c->taken > 0 && (said || ((r->code == 452 || r->code == 552) && !r->status[0]));
}

static void rcpt_answered(struct client *c, struct job_rcpt *to, const struct reply *r)
{
	if (r->code < 300 && !c->job->probe) {
		to->state = RCPT_TAKEN;
		c->taken++;
		return;
	}
	set(c, to, r);
	if (too_many(c, r))
		to->state = RCPT_MORE;
}

/* MAIL is for all, also for those that would come in a later transaction. */
static void mail_refused(struct client *c, const struct reply *r)
{
	size_t i;

	c->mail_refused = true;
	for (i = 0; i < c->job->nrcpt; i++)
		if (c->job->rcpt[i].state <= RCPT_TRIED)
			set(c, &c->job->rcpt[i], r);
}

static void reset(struct client *c)
{
	buf_puts(&c->out, "RSET\r\n");
	client_move(c, CLIENT_RSET);
}

static void begin_content(struct client *c)
{
	struct job *j = c->job;

	if (c->converted.n)
		content_init_text(&c->content, buf_view(&c->converted), j->prepend);
	else
		content_init(&c->content, j->fd, j->offset, j->size, j->prepend);
	c->chunks = c->chunks_answered = 0;
	j->begun = true;
	client_move(c, CLIENT_CONTENT);
}

/* Every recipient was answered. */
static void envelope_over(struct client *c)
{
	size_t i;

	c->chunking = c->ehlo.chunking && c->ehlo.pipelining && !c->opt->no_chunking && !c->opt->lmtp;
	if (c->taken && c->chunking) {
		begin_content(c);
		return;
	}
	if (c->taken) {
		buf_puts(&c->out, "DATA\r\n");
		client_move(c, CLIENT_DATA);
		return;
	}
	for (i = 0; i < c->nbatch; i++)
		if (c->batch[i]->state == RCPT_MORE)
			c->batch[i]->state = RCPT_KNOWN;
	if (c->mail_refused)
		client_move(c, CLIENT_READY);
	else
		reset(c);
}

void client_on_envelope(struct client *c, const struct reply *r)
{
	size_t i = c->answered;

	if (over(c, r))
		return;
	c->answered++;
	if (i == 0 && r->code >= 400)
		mail_refused(c, r);
	else if (i > 0 && !c->mail_refused)
		rcpt_answered(c, c->batch[i - 1], r);
	if (c->answered < c->asked)
		return;
	if (c->mail_refused || c->asked > c->nbatch) {
		envelope_over(c);
		return;
	}
	say_rcpt(c, c->batch[c->asked - 1]);
	c->asked++;
}

void client_on_rset(struct client *c, const struct reply *r)
{
	if (over(c, r))
		return;
	if (r->code >= 400) /* a server that cannot even do this */
		client_refused(c, "4.5.0", "refuses RSET", r);
	else
		next_batch(c);
}

/* --- the message -------------------------------------------------------------------- */

/* One answer for all that were taken. */
static void answer_all(struct client *c, const struct reply *r)
{
	size_t i;

	for (i = 0; i < c->nbatch; i++)
		if (c->batch[i]->state == RCPT_TAKEN)
			set(c, c->batch[i], r);
		else if (c->batch[i]->state == RCPT_MORE)
			c->batch[i]->state = r->code < 300 ? RCPT_OPEN : RCPT_KNOWN;
}

void client_on_data(struct client *c, const struct reply *r)
{
	if (r->code == 354) {
		begin_content(c);
		return;
	}
	if (over(c, r))
		return;
	if (r->code < 400) {
		client_refused(c, "4.5.0", "answers out of turn", r);
		return;
	}
	answer_all(c, r);
	reset(c);
}

void client_output(struct client *c)
{
	int e;

	if (c->state != CLIENT_CONTENT || c->out.n >= OUT_LOW)
		return;
	if (c->chunk_refused) {
		if (!c->out.n && c->chunks_answered == c->chunks)
			reset(c);
		return;
	}
	e = c->chunking ? content_chunk(&c->content, CHUNK, &c->out) : content_more(&c->content, OUT_LOW, &c->out);
	c->chunks++;
	if (e == 1) {
		client_move(c, CLIENT_FINAL);
	} else if (e < 0) {
		/* the end is never sent: what the server has is no message */
		client_give_up(c, "4.3.0", "did not get the message: it could not be read from the queue: %s", err_text(e));
		buf_reset(&c->out);
	}
}

bool client_awaits_end(const struct client *c)
{
	return c->state == CLIENT_FINAL && !c->out.n && !c->opt->lmtp && !c->chunk_refused &&
		(!c->chunking || c->chunks_answered + 1 == c->chunks);
}

void client_wrote(struct client *c, size_t n)
{
	buf_drop(&c->out, n);
	if (n && (c->state == CLIENT_CONTENT || c->state == CLIENT_FINAL))
		c->progress++;
}

/* To one of the BDATs. False: this was the end. */
static bool chunk_answered(struct client *c, const struct reply *r)
{
	bool unknown = r->code == 500 || r->code == 501 || r->code == 502 || r->code == 504;

	c->chunks_answered++;
	if (over(c, r))
		return false;
	if (r->code < 300 || c->chunk_refused)
		return true;
	if (unknown) { /* it may be reading the message as commands */
		c->opt->no_chunking = c->again = true;
		client_refused(c, "4.5.0", "offers CHUNKING and does not know BDAT", r);
		buf_reset(&c->out);
		return false;
	}
	answer_all(c, r);
	c->chunk_refused = true;
	return true;
}

/* A reply before the end: a refusal counts, but where the server stands now nobody knows. */
void client_on_content(struct client *c, const struct reply *r)
{
	bool last = c->state == CLIENT_FINAL && c->chunks_answered + 1 == c->chunks;

	if (c->chunking && c->chunks_answered < c->chunks && !last) {
		chunk_answered(c, r);
		return;
	}
	if (r->code >= 400 && r->code != 421 && !c->opt->lmtp)
		answer_all(c, r);
	client_refused(c, "4.4.2", "did not wait for the end of the message", r);
	buf_reset(&c->out);
}

/* LMTP: the answers come in the order of the recipients that were taken. */
static void answer_next(struct client *c, const struct reply *r)
{
	size_t i;

	for (i = 0; i < c->nbatch; i++) {
		if (c->batch[i]->state == RCPT_TAKEN) {
			set(c, c->batch[i], r);
			break;
		}
	}
	if (--c->taken)
		return;
	for (i = 0; i < c->nbatch; i++)
		if (c->batch[i]->state == RCPT_MORE)
			c->batch[i]->state = RCPT_OPEN;
}

void client_on_final(struct client *c, const struct reply *r)
{
	if (c->out.n || (c->chunking && c->chunks_answered + 1 < c->chunks)) {
		client_on_content(c, r);
		return;
	}
	if (c->chunking && !chunk_answered(c, r))
		return;
	if (c->chunk_refused) {
		reset(c);
		return;
	}
	if (over(c, r))
		return;
	if (c->opt->lmtp)
		answer_next(c, r);
	else
		answer_all(c, r);
	if (c->opt->lmtp && c->taken)
		return;
	if (r->code < 300 && !c->opt->lmtp) {
		c->job->dsn = c->ehlo.dsn;
		c->accepted = true;
	}
	next_batch(c);
}
