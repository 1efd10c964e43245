/* SPDX-License-Identifier: ISC
 *
 * smtpdata.h: the bytes of a message on their way in, behind DATA (RFC 5321
 * 4.5.2: dots, and the one end that there is) or in chunks behind BDAT (RFC
 * 3030). Fed in any pieces; the pieces make no difference to the result.
 *
 * Only CR LF "." CR LF ends DATA. A CR without LF or an LF without CR is a fault
 * that stops the reader at once: what two servers could read in two ways is
 * read by nobody (C06, SMTP smuggling). The other faults let it go on to the
 * true end, so that the reply comes where the client waits for it; nothing is
 * kept from then on.
 */
#ifndef MANSIO_MAIL_SMTPDATA_H
#define MANSIO_MAIL_SMTPDATA_H

#include "base/buf.h"

enum smtp_data_fault { /* in the order of their weight: of several the last one is told */
	SMTP_DATA_OK,
	SMTP_DATA_NUL,
	SMTP_DATA_LINE, /* a line longer than max_line */
	SMTP_DATA_SIZE, /* more than max_size */
	SMTP_DATA_BARE_CR, SMTP_DATA_BARE_LF, /* these two stop the reader */
};

struct smtp_data {
	bool dots; /* DATA; else BDAT */
	size_t max_line; /* with its CR LF */
	uint64_t max_size;
	enum { SMTP_DATA_BOL, SMTP_DATA_TEXT, SMTP_DATA_CR, SMTP_DATA_DOT, SMTP_DATA_DOT_CR } at; /* place in a line */
	enum smtp_data_fault fault; /* the gravest so far */
	bool end; /* DATA: the end was read */
	bool eight_bit; /* a byte above 127 came */
	size_t line; /* bytes of the line so far */
	uint64_t size; /* bytes of the message so far, kept or not */
};

void smtp_data_init(struct smtp_data *d, bool dots, size_t max_line, uint64_t max_size);
/* Takes bytes from `in`, appends the message's to out; returns how many it took:
 * all, but for what stands behind the end or behind a bare CR or LF. */
size_t smtp_data_feed(struct smtp_data *d, struct str in, struct buf *out);
/* The reader stopped for good: nothing of this connection can be trusted. */
bool smtp_data_stopped(const struct smtp_data *d);
/* BDAT, after the last chunk: the message ends with a whole line (or is empty). */
bool smtp_data_complete(const struct smtp_data *d);

#endif
