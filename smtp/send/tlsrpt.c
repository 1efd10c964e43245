/* SPDX-License-Identifier: ISC
 *
 * tlsrpt.c: how the TLS of each session by MX went, told to policyd for the reports of the day (RFC 8460; see sender.h).
 *
 *   a session is ready, and serves a destination for the first time    good, or what its policy would not have liked
 *   it breaks in the handshake, or has no STARTTLS where it must       a failure, for each destination in the host's line
 *   the host is passed over before (security.h refused)                so
 *
 * Nobody waits for it and nothing hangs on it: what cannot be told at once is not told. Time-outs, refused connections and
 * servers that take no mail are no failures of TLS (4.3.4). What the admin demands himself is no policy of theirs.
 */
#include "smtp/send/sender.h"

#include <sys/socket.h>

#include "base/rand.h"

static const char *type_of(const struct security *s)
{
	return s->by == SEC_BY_TLSA ? "tlsa" : s->by == SEC_BY_STS ? "sts" : "no-policy-found";
}

static bool is_counted(const struct host *h, const struct dest *d)
{
	return h->kind == HOST_MX && h->sec.by != SEC_BY_ADMIN && d->name && d->name[0] != '[' && d->tls != DEST_TLS_OPTIONAL && !(d->way && d->way->route.host.n) &&
		!str_starts(str_of(d->name), DEST_HOP) && h->sender->conf->tlsrpt_count;
}

/* The records that were asked to vouch; where none could be used, those. */
static void set_policy(struct ipc_msg *m, const struct host *h)
{
	const struct dns_answer *t = &h->tlsa_answer;
	size_t i;

	if (h->sec.by != SEC_BY_TLSA)
		return;
	for (i = 0; i < h->sec.ntlsa; i++)
		ipc_set(m, "tlsa", h->sec.tlsa[i]);
	for (i = 0; h->sec.ntlsa == 0 && h->facts.tlsa && i < t->n && i < SECURITY_TLSA; i++)
		ipc_set(m, "tlsa", t->record[i].data);
}

static void set_session(struct ipc_msg *m, const struct session *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char text[ADDR_TEXT];
	struct addr own;

	if (s->at < s->naddrs)
		ipc_setc(m, "ip", addr_text(&s->addr[s->at], text));
	if (s->fd >= 0 && getsockname(s->fd, (struct sockaddr *)&ss, &len) == 0 && addr_of_sockaddr((struct sockaddr *)&ss, len, &own) == 0)
		ipc_setc(m, "local", addr_text(&own, text));
	ipc_setc(m, "helo", s->client.ehlo.name);
}

static void tell(const struct host *h, const struct dest *d, const struct session *s, const char *result, const char *reason)
{
	int link = h->sender->link[LOOKUP_POLICYD].fd;
	struct ipc_msg m;

	if (link < 0 || !is_counted(h, d))
		return;
	ipc_init(&m, "tls");
	ipc_setc(&m, "domain", d->name);
	ipc_setc(&m, "type", type_of(&h->sec));
	set_policy(&m, h);
	if (result) {
		ipc_setc(&m, "result", result);
		ipc_setc(&m, "reason", reason);
		ipc_setc(&m, "mx", h->opt->host);
		if (s)
			set_session(&m, s);
	}
	(void)ipc_try_send(link, &m);
	ipc_done(&m);
}

/* What a session that is ready says: NULL: all as it should be. */
static const char *result_of(const struct session *s, const char **reason_out)
{
	const struct security *sec = &s->host->sec;

	*reason_out = NULL;
	if (!s->tls)
		return "starttls-not-supported";
	if (sec->testing && sec->sts_mismatch) {
		*reason_out = sec->words;
		return sec->result;
	}
	if (sec->testing && !tls_verified(s->tls)) {
		*reason_out = tls_refusal(s->tls);
		return tls_result_type(s->tls);
	}
	if (sec->by == SEC_BY_TLSA && sec->level == SEC_ENCRYPT) {
		*reason_out = sec->words;
		return sec->result;
	}
	return NULL;
}

void tlsrpt_serves(struct session *s, const struct dest *d)
{
	uint64_t hash = d->name ? hash_str(str_of(d->name)) : 0;
	const char *result, *reason;
	size_t i;

	/* gone on in clear after a handshake that failed: that was told */
	if (s->host->kind != HOST_MX || (s->clear && !s->tls))
		return;
	for (i = 0; i < s->ntold; i++)
		if (s->told[i] == hash)
			return;
	if (s->ntold == ARRAY_LEN(s->told))
		return; /* of many small domains at one server the rest is not told */
	s->told[s->ntold++] = hash;
	result = result_of(s, &reason);
	tell(s->host, d, s, result, reason);
}

void tlsrpt_failed(const struct session *s, const char *result, const char *reason)
{
	const struct dest *d;

	if (s->host->kind != HOST_MX || s->ready_told)
		return;
	TAILQ_FOREACH(d, &s->host->dests, turn)
		tell(s->host, d, s, result, reason);
}

void tlsrpt_refused(const struct host *h)
{
	const struct dest *d;

	if (!h->sec.result)
		return;
	TAILQ_FOREACH(d, &h->dests, turn)
		tell(h, d, NULL, h->sec.result, h->sec.words);
}
