/* SPDX-License-Identifier: ISC
 *
 * fit.c: can this message go to this server? Part of the machine of client.h: before the
 * envelope, with what EHLO told.
 *
 *   larger than SIZE                  5.3.4 (RFC 1870 6)
 *   8-bit text without 8BITMIME       made 7-bit text (convert.h), else 5.6.3 (RFC 6152 3)
 *   an address or header in UTF-8     without SMTPUTF8 5.6.7 (RFC 6531 3.2); but a domain alone is said
 *                                     as A-labels, and what is ASCII after all goes as always
 *   REQUIRETLS                        without a verified server that passes it on 5.7.30 (RFC 8689 4.2.1);
 *                                     a report goes anyhow (5)
 */
#include "smtp/send/client.h"

#include <sys/mman.h>

#include "base/file.h"
#include "mail/address.h"
#include "smtp/send/convert.h"

#define SCAN_MAX (8u << 20) /* larger ones are declared 8BITMIME unread */

static void fail_job(struct client *c, int code, const char *status, const char *text)
{
	struct dsn why = { 0 };

	dsn_set(&why, code, status, "%s %s", c->opt->label, text);
	job_fail(c->job, &why);
}

/* --- addresses -------------------------------------------------------------------- */

/* How the address is said to this server. False: it does not take such addresses. */
static bool say_ascii(struct client *c, struct str address, struct str *out)
{
	struct arena *a = &c->job->a;
	ssize_t at = str_rfind(address, '@');
	struct str local, domain;

	*out = address;
	if (c->ehlo.smtputf8 || str_is_ascii(address))
		return true;
	if (at < 0)
		return false;
	local = str_sub(address, 0, (size_t)at);
	if (!str_is_ascii(local) || domain_normal(str_from(address, (size_t)at + 1), a, &domain))
		return false;
	*out = str_of(arena_fmt(a, "%.*s@%.*s", STRF(local), STRF(domain)));
	return true;
}

/* RFC 6531 3.2: without SMTPUTF8 nothing goes that needs it. */
static void check_utf8(struct client *c, const struct content_facts *f)
{
	struct job *j = c->job;
	bool any = j->utf8 || !str_is_ascii(j->sender);
	size_t i;

	for (i = 0; i < j->nrcpt; i++) {
		struct job_rcpt *r = &j->rcpt[i];

		if (r->state != RCPT_OPEN || str_is_ascii(r->address))
			continue;
		any = true;
		if (!say_ascii(c, r->address, &r->said))
			job_set(j, r, 553, "5.6.7", str_of(arena_fmt(&j->a,
				"%s does not take addresses with non-ASCII characters (SMTPUTF8)", c->opt->label)));
	}
	c->declare_utf8 = any && c->ehlo.smtputf8;
	if (!say_ascii(c, j->sender, &c->sender) || (!c->ehlo.smtputf8 && j->utf8 && f->utf8_header))
		fail_job(c, 553, "5.6.7", "does not take mail with non-ASCII addresses or header fields (SMTPUTF8)");
}

/* --- size and 8-bit text -------------------------------------------------------------- */

uint64_t client_size(const struct client *c)
{
	return (c->converted.n ? c->converted.n : c->job->size) + c->job->prepend.n;
}

/* True: it fits (RFC 1870 6). */
static bool check_size(struct client *c)
{
	char text[128];

	if (!c->ehlo.size || client_size(c) <= c->ehlo.size)
		return true;
	snprintf(text, sizeof text, "takes messages of up to %llu bytes, this one has %llu",
		(unsigned long long)c->ehlo.size, (unsigned long long)client_size(c));
	fail_job(c, 552, "5.3.4", text);
	return false;
}

/* The message as 7-bit text. 0; as convert_7bit; or it could not be read. */
static int convert(struct client *c, const char **why_out)
{
	const struct job *j = c->job;
	char *text = mem_alloc(1, j->size + 1);
	int r = file_pread_all(j->fd, text, j->size, (off_t)j->offset);

	buf_init(&c->converted, 3 * j->size + (1 << 20)); /* each byte "=XX", at worst, and more header */
	if (r >= 0)
		r = convert_7bit(str_make(text, j->size), &c->converted, why_out);
	free(text);
	if (r < 0)
		buf_done(&c->converted);
	return r < 0 ? r : 0;
}

/* True: the message is 7-bit text now. */
static bool check_7bit(struct client *c)
{
	const char *why = "it is too large for that";
	char text[200];
	int r = c->job->size > c->opt->convert_size ? E_UNSUPPORTED : convert(c, &why);

	if (r && r != E_UNSUPPORTED) {
		dsn_set(&c->why, 451, "4.3.0", "the message could not be converted for a server that takes 7-bit text only: %s",
			err_text(r));
		job_fail(c->job, &c->why);
	} else if (r) {
		snprintf(text, sizeof text, "takes 7-bit text only (no 8BITMIME), and this message cannot be converted: %s", why);
		fail_job(c, 554, "5.6.3", text);
	}
	return !r;
}

/* A signature is for the text as it was: what was converted gets one of its own (RFC 6376 5.3), so the job goes back with the
 * new text in place of its file. True: it does. */
static bool sign_converted(struct client *c)
{
	struct job *j = c->job;
	int fd;

	if (!j->prepend.n)
		return false;
	fd = memfd_create("converted", MFD_CLOEXEC);
	if (fd < 0 || file_write_all(fd, c->converted.p, c->converted.n)) {
		fd_close(&fd);
		dsn_set(&c->why, 451, "4.3.0", "the converted message could not be kept to be signed");
		job_fail(j, &c->why);
		return true;
	}
	fd_close(&j->fd);
	j->fd = fd;
	j->offset = 0;
	j->size = c->converted.n;
	j->prepend = STR_NONE;
	j->resign = c->retry = true;
	return true;
}

static int scan(const struct client *c, struct content_facts *out)
{
	const struct job *j = c->job;

	if (!c->opt->lmtp && (j->size <= SCAN_MAX || !c->ehlo.eight_bit || j->utf8))
		return content_scan(j->fd, j->offset, j->size, out);
	out->eight_bit = true;
	return 0;
}

/* --- all of it ------------------------------------------------------------------------- */

static bool check_tls(struct client *c)
{
	const struct job *j = c->job;

	if (!j->requiretls || c->opt->lmtp || !j->sender.n || (client_verified(c) && c->ehlo.requiretls))
		return true;
	if (!client_verified(c))
		fail_job(c, 550, "5.7.10", "is not known by a verified certificate, and the sender requires that (REQUIRETLS)");
	else
		fail_job(c, 550, "5.7.30", "does not offer REQUIRETLS, and the sender requires that");
	return false;
}

void client_fit(struct client *c)
{
	struct content_facts f = { 0 };

	c->sender = c->job->sender;
	if (c->job->probe) {
		check_utf8(c, &f);
		return;
	}
	if (!check_tls(c) || !check_size(c))
		return;
	if (scan(c, &f) < 0) {
		dsn_set(&c->why, 451, "4.3.0", "the message could not be read from the queue");
		job_fail(c->job, &c->why);
		return;
	}
	check_utf8(c, &f);
	if (f.eight_bit && !c->ehlo.eight_bit && !c->opt->lmtp && job_open(c->job) &&
	    (!check_7bit(c) || !check_size(c) || sign_converted(c)))
		return;
	c->declare_8bit = f.eight_bit && c->ehlo.eight_bit;
}
