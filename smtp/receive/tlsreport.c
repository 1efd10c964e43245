/* SPDX-License-Identifier: ISC
 *
 * tlsreport.c: mail to the postmaster of a domain here that brings a report about TLS (RFC 8460 5.3) is, beside being delivered,
 * given to policyd, whose child reads it (smtp/policy/receive.c). The record _smtp._tls of our domains names that address.
 */
#include "smtp/receive/session.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/address.h"
#include "smtp/report/tlsrpt.h"

#define ENVELOPE 65536 /* of a message around its report */

/* The domain here whose postmaster gets it; empty: none. */
static struct str domain_of(const struct session *s)
{
	size_t i;

	for (i = 0; i < s->tx.nrcpt; i++) {
		struct str domain = s->tx.rcpt[i].address, local = str_cut(&domain, '@');

		if (s->tx.rcpt[i].route != ROUTE_OUTSIDE && str_ieqc(local, "postmaster") && domain.n)
			return domain;
	}
	return STR_NONE;
}

void tlsreport_look(struct session *s)
{
	const struct conf *c = s->room->conf;
	struct str message = buf_view(&s->tx.body), domain = domain_of(s), normal;
	struct ipc_msg m;
	int fd;

	if (!c->tlsrpt_receive || !domain.n || s->room->policyd < 0 || message.n > 2 * c->tlsrpt_size + ENVELOPE ||
		!tlsrpt_is_letter(message) || domain_normal(domain, &s->tx.a, &normal) < 0)
		return;
	fd = memfd_create("report", MFD_CLOEXEC);
	if (fd >= 0 && file_write_all(fd, message.p, message.n) == 0) {
		ipc_init(&m, "report");
		ipc_set(&m, "domain", normal);
		ipc_add_fd(&m, "message", fd);
		(void)ipc_try_send(s->room->policyd, &m); /* the mail itself is there */
		ipc_done(&m);
	}
	fd_close(&fd);
}
