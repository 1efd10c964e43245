/* SPDX-License-Identifier: ISC
 *
 * mbox.c: the reader (mbox.h). It holds a line (up to LINE_MAX of it) and a header; bodies pass
 * through.
 */
#include "import/mbox.h"

#include "mail/date.h"
#include "store/store.h"

#define LINE_PIECE ((size_t)16384)

void mbox_init(struct mbox *m, const struct mbox_ops *ops, void *arg)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->arg = arg;
	m->empty = true; /* the start of the file is as good as an empty line */
	buf_init(&m->line, LINE_PIECE + 1);
	buf_init(&m->header, MBOX_HEADER_MAX + 2 * LINE_PIECE);
}

void mbox_done(struct mbox *m)
{
	buf_done(&m->line);
	buf_done(&m->header);
}

/* --- the line between two messages ------------------------------------------------ */

static int month_of(struct str s)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	int i;

	for (i = 0; s.n == 3 && i < 12; i++)
		if (str_ieq(s, str_make(names + 3 * i, 3)))
			return i + 1;
	return 0;
}

static bool clock_of(struct str s, int64_t *out)
{
	struct str h = str_cut(&s, ':'), m = str_cut(&s, ':');
	uint64_t a, b, c = 0;

	if (str_u64(h, 23, &a) < 0 || str_u64(m, 59, &b) < 0 || (s.p && str_u64(s, 60, &c) < 0))
		return false;
	*out = (int64_t)(a * 3600 + b * 60 + c);
	return true;
}

/* The words of ctime(3), wherever they stand: day-name month day time [zone] year [zone]. */
static bool ctime_of(const struct str *w, size_t n, int64_t *out)
{
	int64_t seconds;
	uint64_t day, year;
	size_t i;

	if (n < 4 || !month_of(w[1]) || str_u64(w[2], 31, &day) < 0 || !day || !clock_of(w[3], &seconds))
		return false;
	for (i = 4; i < n && i < 7; i++)
		if (w[i].n == 4 && str_u64(w[i], 9999, &year) == 0 && year >= 1970) {
			*out = date_days((int)year, month_of(w[1]), (int)day) * 86400 + seconds;
			return true;
		}
	return false;
}

int mbox_from_line(struct str line, int64_t *date_out)
{
	struct str word[16], rest;
	size_t n = 0, i;

	if (!str_starts(line, "From "))
		return 0;
	rest = str_from(line, 5);
	while (rest.p && n < ARRAY_LEN(word)) {
		struct str w = str_trim(str_cut(&rest, ' '));

		if (w.n)
			word[n++] = w;
	}
	for (i = 0; i + 4 < n + 1; i++)
		if (ctime_of(word + i, n - i, date_out))
			return 1;
	return 0;
}

/* --- header ------------------------------------------------------------------------ */

static void add_keywords(struct mbox_facts *f, struct str value)
{
	size_t n = strlen(f->keywords);
	struct str w;

	while (value.p && value.n) {
		w = str_trim(str_cut(&value, ' '));
		if (!w.n || n + w.n + 2 > sizeof(f->keywords))
			continue;
		n += (size_t)snprintf(f->keywords + n, sizeof(f->keywords) - n, "%s%.*s", n ? " " : "", STRF(w));
	}
}

static const struct { char letter; bool x; uint32_t flag; } status_letter[] = {
	{ 'R', false, STORE_SEEN }, { 'A', true, STORE_ANSWERED }, { 'F', true, STORE_FLAGGED },
	{ 'D', true, STORE_DELETED }, { 'T', true, STORE_DRAFT },
};

static void add_status(struct mbox_facts *f, struct str value, bool x)
{
	size_t i, k;

	for (i = 0; i < value.n; i++)
		for (k = 0; k < ARRAY_LEN(status_letter); k++)
			if (status_letter[k].x == x && value.p[i] == status_letter[k].letter)
				f->flags |= status_letter[k].flag;
}

/* true: the field is of the file, not of the message. */
static bool file_field(struct mbox_facts *f, struct str line)
{
	struct str value = line, name = str_cut(&value, ':');

	if (!value.p)
		return false;
	value = str_trim(value);
	if (str_ieqc(name, "Status"))
		add_status(f, value, false);
	else if (str_ieqc(name, "X-Status"))
		add_status(f, value, true);
	else if (str_ieqc(name, "X-Keywords"))
		add_keywords(f, value);
	else if (str_ieqc(name, "X-IMAP"))
		f->internal = true;
	else if (!str_ieqc(name, "X-UID") && !str_ieqc(name, "X-IMAPbase"))
		return false;
	return true;
}

/* Folded lines go with their field. */
static void read_header(struct mbox *m, struct buf *out)
{
	struct str rest = buf_view(&m->header);
	bool drop = false;

	while (rest.n) {
		struct str line = str_cut(&rest, '\n');

		if (!line.n || (line.p[0] != ' ' && line.p[0] != '\t'))
			drop = file_field(&m->facts, line);
		if (!drop) {
			buf_str(out, line);
			buf_puts(out, "\n");
		}
		if (!rest.p)
			break;
	}
}

static int flush_header(struct mbox *m)
{
	struct buf out;
	int err;

	buf_init(&out, m->header.max + 16);
	read_header(m, &out);
	err = m->header.err ? m->header.err : out.err;
	if (!err)
		err = m->ops->begin(m->arg, &m->facts);
	if (!err) {
		m->open = true;
		if (out.n)
			err = m->ops->text(m->arg, out.p, out.n);
	}
	buf_done(&out);
	buf_reset(&m->header);
	m->place = MBOX_BODY;
	m->bare = true;
	return err;
}

static int close_message(struct mbox *m)
{
	int err = m->place == MBOX_HEADER ? flush_header(m) : 0;

	if (!err && m->open)
		err = m->ops->end(m->arg);
	m->open = false;
	return err;
}

/* --- lines ------------------------------------------------------------------------------ */

static struct str unquoted(struct str line)
{
	size_t i;

	for (i = 0; i < line.n && line.p[i] == '>'; i++)
		;
	return i && str_starts(str_from(line, i), "From ") ? str_from(line, 1) : line;
}

static int body_piece(struct mbox *m, struct str piece, bool starts, bool ends)
{
	int err = 0;

	if (m->empty && starts)
		err = m->ops->text(m->arg, "\r\n", 2);
	m->empty = false;
	if (starts)
		piece = unquoted(piece);
	if (!err && piece.n)
		err = m->ops->text(m->arg, piece.p, piece.n);
	return err || !ends ? err : m->ops->text(m->arg, "\r\n", 2);
}

/* A line that ends has no line end any more, also no CR before it. */
static int take_piece(struct mbox *m, struct str piece, bool ends)
{
	bool starts = !m->middle, bare = m->bare;
	int64_t date = 0;
	int err;

	m->bare = false;
	m->middle = !ends;
	if (ends && piece.n && piece.p[piece.n - 1] == '\r')
		piece.n--;
	if (starts && (m->empty || bare) && m->place != MBOX_HEADER && mbox_from_line(piece, &date)) {
		err = close_message(m);
		m->facts = (struct mbox_facts){ .date = date };
		m->place = MBOX_HEADER;
		m->empty = false;
		return err;
	}
	if (m->place == MBOX_START) {
		m->junk += piece.n + ends;
		m->empty = starts && ends && !piece.n;
		return 0;
	}
	if (m->place == MBOX_HEADER) {
		buf_str(&m->header, piece);
		if (ends)
			buf_puts(&m->header, "\r\n");
		/* the end of it, or more than a header can be */
		if ((starts && ends && !piece.n) || m->header.n >= MBOX_HEADER_MAX)
			return flush_header(m);
		return m->header.err;
	}
	if (starts && ends && !piece.n && !m->empty) {
		m->empty = true;
		return 0;
	}
	if (starts && ends && !piece.n)
		return m->ops->text(m->arg, "\r\n", 2); /* one of several: the last waits */
	return body_piece(m, piece, starts, ends);
}

int mbox_feed(struct mbox *m, const char *p, size_t n)
{
	while (!m->err && n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t len = lf ? (size_t)(lf - p) : n, room = LINE_PIECE - m->line.n, take = MIN(len, room);

		buf_add(&m->line, p, take);
		p += take;
		n -= take;
		if (lf && take == len) {
			m->err = take_piece(m, buf_view(&m->line), true);
			buf_reset(&m->line);
			p++;
			n--;
		} else if (m->line.n == LINE_PIECE) {
			m->err = take_piece(m, buf_view(&m->line), false);
			buf_reset(&m->line);
		}
	}
	return m->err;
}

int mbox_finish(struct mbox *m)
{
	if (!m->err && (m->line.n || m->middle))
		m->err = take_piece(m, buf_view(&m->line), true);
	buf_reset(&m->line);
	if (!m->err)
		m->err = close_message(m);
	return m->err;
}
