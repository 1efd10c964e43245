/* SPDX-License-Identifier: ISC
 *
 * content.c: a message on its way out (see content.h).
 *
 *           other            CR            LF
 *   BOL ------------> TEXT ------> CR ------------> BOL
 *    "." doubled       | LF         | other, CR: the CR was bare and is a line end
 *                      `-> BOL      `-> TEXT or CR
 *
 * CR LF is written when the line ends, not when its bytes come: so a CR or an LF
 * alone never gets out.
 */
#include "smtp/send/content.h"

#include "base/file.h"

#define PIECE 16384
#define HEADER_MAX (256u << 10) /* of a header is looked at for one field */

void content_init(struct content *c, int fd, uint64_t offset, uint64_t size, struct str prepend)
{
	*c = (struct content){ .fd = fd, .at = offset, .end = offset + size, .prepend = prepend };
}

void content_init_text(struct content *c, struct str text, struct str prepend)
{
	*c = (struct content){ .fd = -1, .text = text, .end = text.n, .prepend = prepend };
}

static void line_end(struct content *c, struct buf *out)
{
	buf_add(out, "\r\n", 2);
	c->place = CONTENT_BOL;
}

/* The whole lines at its beginning that go out as they are; *retry: where it is worth to look again. */
static size_t clean_lines(const struct content *c, struct str in, size_t from, size_t *retry)
{
	bool bol = c->place == CONTENT_BOL;
	size_t at = from;
	const char *lf;

	while ((lf = at < in.n ? memchr(in.p + at, '\n', in.n - at) : NULL)) {
		size_t n = (size_t)(lf - in.p) - at;

		*retry = at + n + 1;
		if (n == 0 || lf[-1] != '\r' || memchr(in.p + at, '\r', n - 1) || (bol && in.p[at] == '.' && !c->chunked))
			return at - from;
		at += n + 1;
		bol = true;
	}
	*retry = in.n;
	return at - from;
}

static void put(struct content *c, struct str in, struct buf *out)
{
	size_t i = 0, from, n, retry = 0;

	while (i < in.n) {
		char b = in.p[i];

		n = c->place != CONTENT_CR && i >= retry ? clean_lines(c, in, i, &retry) : 0;
		if (n) {
			buf_add(out, in.p + i, n);
			i += n;
			c->place = CONTENT_BOL;
			continue;
		}
		if (c->place == CONTENT_CR) {
			line_end(c, out);
			if (b == '\n') {
				i++;
				continue;
			}
		}
		if (b == '\r' || b == '\n') {
			if (b == '\r')
				c->place = CONTENT_CR;
			else
				line_end(c, out);
			i++;
			continue;
		}
		if (c->place == CONTENT_BOL && b == '.' && !c->chunked)
			buf_c(out, '.');
		for (from = i; i < in.n && in.p[i] != '\r' && in.p[i] != '\n'; i++)
			;
		buf_add(out, in.p + from, i - from);
		c->place = CONTENT_TEXT;
	}
}

/* Some n bytes of the message in lines; at its end the last line is ended. 1 then, else as content_more. */
static int lines(struct content *c, size_t n, struct buf *out)
{
	char piece[PIECE];
	size_t want;
	int r;

	put(c, c->prepend, out);
	c->prepend = STR_NONE;
	while (n && c->at < c->end) {
		want = (size_t)MIN(MIN((uint64_t)sizeof piece, (uint64_t)n), c->end - c->at);
		r = c->fd < 0 ? 0 : file_pread_all(c->fd, piece, want, (off_t)c->at);
		if (r < 0)
			return r;
		put(c, c->fd < 0 ? str_sub(c->text, (size_t)c->at, (size_t)c->at + want) : str_make(piece, want), out);
		c->at += want;
		n -= want;
	}
	if (c->at < c->end)
		return out->err;
	if (c->place != CONTENT_BOL)
		line_end(c, out);
	return out->err ? out->err : 1;
}

int content_more(struct content *c, size_t n, struct buf *out)
{
	int r = lines(c, n, out);

	if (r == 1 && !c->ended) {
		buf_add(out, ".\r\n", 3);
		c->ended = true;
	}
	return out->err ? out->err : r;
}

int content_chunk(struct content *c, size_t n, struct buf *out)
{
	struct buf piece;
	int r;

	BUG_ON(c->ended);
	c->chunked = true;
	buf_init(&piece, 2 * n + c->prepend.n * 2 + 16); /* each byte a bare line end, at worst */
	r = lines(c, n, &piece);
	if (r >= 0) {
		buf_fmt(out, "BDAT %zu%s\r\n", piece.n, r == 1 ? " LAST" : "");
		buf_str(out, buf_view(&piece));
		c->ended = r == 1;
	}
	buf_done(&piece);
	return out->err ? out->err : r;
}

static size_t first_high(struct str in)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof word <= in.n; i += sizeof word) {
		memcpy(&word, in.p + i, sizeof word);
		if (word & 0x8080808080808080u)
			break;
	}
	while (i < in.n && !((unsigned char)in.p[i] & 0x80))
		i++;
	return i;
}

/* Does the header end here? bol: at the beginning of a line, or of an empty one. */
static void find_body(struct str in, bool *header, bool *bol)
{
	size_t i = 0;
	const char *lf;

	while (*header && i < in.n) {
		if (*bol && in.p[i] == '\n') {
			*header = false;
		} else if (*bol && in.p[i] == '\r') {
			i++;
		} else {
			lf = memchr(in.p + i, '\n', in.n - i);
			*bol = lf != NULL;
			i = lf ? (size_t)(lf - in.p) + 1 : in.n;
		}
	}
}

/* The lines of the header that the piece holds whole. True: there are further ones. */
static bool scan_fields(struct str *in, unsigned *n, unsigned *no)
{
	while (str_find(*in, '\n') >= 0) {
		struct str line = str_cut(in, '\n');

		if (!str_trim(line).n)
			return false;
		if (str_istarts(line, "TLS-Required:")) {
			++*n;
			*no += str_ieqc(str_trim(str_from(line, strlen("TLS-Required:"))), "No");
		}
	}
	return true;
}

bool content_tls_optional(int fd, uint64_t offset, uint64_t size)
{
	unsigned n = 0, no = 0;
	char piece[PIECE];
	uint64_t at = 0;

	while (at < size && at < HEADER_MAX) {
		size_t want = (size_t)MIN((uint64_t)sizeof piece, size - at);
		struct str in = str_make(piece, want);

		if (file_pread_all(fd, piece, want, (off_t)(offset + at)) < 0 || !scan_fields(&in, &n, &no))
			break;
		if (in.n == want) /* a line that is no end */
			break;
		at += want - in.n;
	}
	return n == 1 && no == 1;
}

/* 1 when the answer cannot change any more. */
static int scan_piece(struct str in, bool *header, bool *bol, struct content_facts *f)
{
	size_t high = first_high(in);

	find_body(str_sub(in, 0, high), header, bol);
	if (high == in.n)
		return 0;
	f->eight_bit = true;
	f->utf8_header |= *header;
	return 1;
}

int content_scan(int fd, uint64_t offset, uint64_t size, struct content_facts *out)
{
	struct content_facts f = { 0 };
	bool header = true, bol = true;
	uint64_t at = 0;
	char piece[PIECE];
	int r;

	while (at < size) {
		size_t n = (size_t)MIN((uint64_t)sizeof piece, size - at);

		r = file_pread_all(fd, piece, n, (off_t)(offset + at));
		if (r < 0)
			return r;
		at += n;
		if (scan_piece(str_make(piece, n), &header, &bol, &f))
			break;
	}
	*out = f;
	return 0;
}
