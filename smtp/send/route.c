/* SPDX-License-Identifier: ISC
 *
 * route.c: which way a job goes (see sender.h): to our own lmtpd; to the hop that the admin
 * named (mansio queue reroute); by a route of its domain (way.c); to the smarthost, if one is
 * set; by MX, if mail goes direct.
 */
#include "smtp/send/sender.h"

#define DEST_NAME 300
#define FEW_PLACES 500

/* The part behind the last @, in lower case. */
static struct str domain_of(struct str address, char out[DEST_NAME])
{
	size_t at = address.n, i, n;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	n = MIN(address.n - at, (size_t)DEST_NAME - 1);
	for (i = 0; i < n; i++)
		out[i] = ascii_lower(address.p[at + i]);
	return str_make(out, n);
}

/* queued gives jobs of one destination. Where it did not say which, that of the first recipient
 * counts, and the others come again by themselves, which costs them no attempt. */
static struct str destination(struct job *j, char out[DEST_NAME])
{
	char other[DEST_NAME];
	struct str dest;
	size_t i;

	if (j->dest.n)
		return str_sub(j->dest, 0, MIN(j->dest.n, (size_t)DEST_NAME - 1));
	dest = domain_of(j->rcpt[0].address, out);
	for (i = 1; i < j->nrcpt; i++)
		if (!str_eq(domain_of(j->rcpt[i].address, other), dest)) {
			job_set(j, &j->rcpt[i], 0, "4.4.5", STR("goes to another place than the first recipient of this message"));
			j->again = 1; /* queued knows by then that they are to be apart */
		}
	return dest;
}

/* Do all recipients go to one place, as far as the table of routes knows places? */
static bool mixed(const struct job *j, struct str domain)
{
	char other[DEST_NAME];
	size_t i;

	for (i = 0; i < j->nrcpt && !j->dest.n; i++)
		if (!str_eq(domain_of(j->rcpt[i].address, other), domain))
			return true;
	return false;
}

/* RFC 8689 4.2.1: a report goes anyhow; 4.1: never both, REQUIRETLS counts. */
static enum dest_tls wanted_tls(const struct job *j)
{
	if (j->requiretls)
		return j->sender.n ? DEST_TLS_REQUIRED : DEST_TLS_USUAL;
	return j->tls_optional ? DEST_TLS_OPTIONAL : DEST_TLS_USUAL;
}

void route_by(struct sender *s, struct job *j, struct str domain, struct way *way, bool none)
{
	bool direct = !s->smarthost_host.opt && s->conf->send_direct;
	char name[DEST_NAME];

	if (j->probe) {
		probe_routed(j->probe, way);
		return;
	}
	/* other domains in it may have routes of their own */
	if (!none && !direct && mixed(j, domain))
		destination(j, name);
	if (direct || (way && way->route.host.n))
		dest_add(dest_get(s, destination(j, name), way, wanted_tls(j)), j);
	else
		dest_add(&s->smarthost, j);
}

void route_job(struct sender *s, struct job *j)
{
	char name[DEST_NAME];

	j->tls_optional = !j->lmtp && content_tls_optional(j->fd, j->offset, j->size);
	if (j->lmtp) {
		dest_add(&s->local, j);
	} else if (j->hop.n) {
		snprintf(name, sizeof name, DEST_HOP "%.*s", STRF(j->hop));
		dest_add(dest_get(s, str_of(name), NULL, wanted_tls(j)), j);
	} else {
		way_job(s, j, j->dest.n ? str_sub(j->dest, 0, MIN(j->dest.n, (size_t)DEST_NAME - 1)) :
			domain_of(j->rcpt[0].address, name));
	}
}

/* More than sessions: the next one is at hand when a session is free, and while queued writes down what became
 * of many together. */
size_t route_places(const struct sender *s, bool local)
{
	size_t n = 0;

	if (local)
		return (size_t)s->conf->send_local_sessions;
	if (s->smarthost_host.opt || !s->conf->send_direct)
		n = (size_t)s->conf->send_sessions;
	else
		n = (size_t)s->conf->send_connections;
	return MAX(n * 2, MIN(n * 8, (size_t)FEW_PLACES));
}
