/* SPDX-License-Identifier: ISC
 *
 * smtpdata.c: the message reader (see smtpdata.h).
 *
 *            "."           CR            LF
 *   BOL ------------> DOT -----> DOT_CR -----> end          (DATA only)
 *    |  \  other      |other -> TEXT (the dot was stuffing)
 *    |   `----------> TEXT <-- ...
 *    `-- CR --> CR <-- CR -- TEXT
 *               `-- LF --> BOL
 *
 * Every arrow that is not drawn is a bare CR or a bare LF.
 */
#include "mail/smtpdata.h"

void smtp_data_init(struct smtp_data *d, bool dots, size_t max_line, uint64_t max_size)
{
	*d = (struct smtp_data){ .dots = dots, .max_line = max_line, .max_size = max_size };
}

bool smtp_data_stopped(const struct smtp_data *d)
{
	return d->fault == SMTP_DATA_BARE_CR || d->fault == SMTP_DATA_BARE_LF;
}

bool smtp_data_complete(const struct smtp_data *d)
{
	return d->at == SMTP_DATA_BOL;
}

/* The gravest is told, not the first: which one comes first could depend on the
 * pieces that the network made. */
static void fault(struct smtp_data *d, enum smtp_data_fault f)
{
	if (f > d->fault)
		d->fault = f;
}

static void keep(struct smtp_data *d, const char *p, size_t n, struct buf *out)
{
	d->size += n;
	d->line += n;
	if (d->size > d->max_size)
		fault(d, SMTP_DATA_SIZE);
	if (d->line > d->max_line)
		fault(d, SMTP_DATA_LINE);
	if (!d->fault)
		buf_add(out, p, n);
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* Does a word hold a zero byte? Never wrong about "no". */
static uint64_t zero_in(uint64_t w)
{
	return (w - EACH(1)) & ~w & EACH(0x80);
}

/* Eight bytes at a time, as long as they are plain: ASCII without NUL, CR, LF. */
static size_t plain_from(struct str in, size_t at)
{
	uint64_t w;

	for (; at + sizeof w <= in.n; at += sizeof w) {
		memcpy(&w, in.p + at, sizeof w);
		if ((w & EACH(0x80)) | zero_in(w) | zero_in(w ^ EACH('\r')) | zero_in(w ^ EACH('\n')))
			break;
	}
	return at;
}

/* Takes the run of bytes up to the next CR or LF. */
static size_t run(struct smtp_data *d, struct str in, size_t at, struct buf *out)
{
	unsigned char all = 0;
	size_t i;

	for (i = plain_from(in, at); i < in.n && in.p[i] != '\r' && in.p[i] != '\n'; i++) {
		if (!in.p[i])
			fault(d, SMTP_DATA_NUL);
		all |= (unsigned char)in.p[i];
	}
	if (all & 0x80)
		d->eight_bit = true;
	keep(d, in.p + at, i - at, out);
	return i;
}

/* A CR or an LF; the only bytes that need the state. */
static void line_byte(struct smtp_data *d, char b, struct buf *out)
{
	if (b == '\r') {
		if (d->at == SMTP_DATA_CR || d->at == SMTP_DATA_DOT_CR)
			fault(d, SMTP_DATA_BARE_CR);
		else
			d->at = d->at == SMTP_DATA_DOT ? SMTP_DATA_DOT_CR : SMTP_DATA_CR;
	} else if (d->at == SMTP_DATA_CR) {
		keep(d, "\r\n", 2, out);
		d->line = 0;
		d->at = SMTP_DATA_BOL;
	} else if (d->at == SMTP_DATA_DOT_CR) {
		d->end = true;
	} else {
		fault(d, SMTP_DATA_BARE_LF);
	}
}

size_t smtp_data_feed(struct smtp_data *d, struct str in, struct buf *out)
{
	size_t i = 0;

	while (i < in.n && !d->end && !smtp_data_stopped(d)) {
		char b = in.p[i];

		if (b == '\r' || b == '\n') {
			line_byte(d, b, out);
			i++;
		} else if (d->at == SMTP_DATA_CR || d->at == SMTP_DATA_DOT_CR) {
			fault(d, SMTP_DATA_BARE_CR);
		} else if (d->at == SMTP_DATA_BOL && d->dots && b == '.') {
			d->at = SMTP_DATA_DOT;
			i++;
		} else {
			d->at = SMTP_DATA_TEXT;
			i = run(d, in, i, out);
		}
	}
	return i;
}
