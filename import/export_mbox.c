/* SPDX-License-Identifier: ISC
 *
 * export_mbox.c: `mansio export mbox`: one folder as mboxrd, with Status, X-Status and X-Keywords
 * at the end of each header. Line ends become LF. What is read back by `import mbox` is what was
 * written.
 */
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "import/job.h"

#define PIECE 65536

struct writing {
	struct job *j;
	struct store_view *v;
	int fd;
	struct buf out, in, line;
	bool header; /* still in it */
	bool folded_out; /* inside a field that is left out */
	int err;
};

static void put(struct writing *w, struct str s)
{
	if (w->out.n + s.n > w->out.max && !w->err) {
		w->err = file_write_all(w->fd, w->out.p, w->out.n);
		buf_reset(&w->out);
	}
	if (s.n > w->out.max && !w->err)
		w->err = file_write_all(w->fd, s.p, s.n);
	else if (!w->err)
		buf_str(&w->out, s);
}

static void put_status(struct writing *w, const struct store_rec *r)
{
	bool any = false;
	struct buf b;
	unsigned i;

	buf_init(&b, 65536);
	buf_fmt(&b, "Status: %sO\n", r->flags & STORE_SEEN ? "R" : "");
	if (r->flags & (STORE_ANSWERED | STORE_FLAGGED | STORE_DELETED | STORE_DRAFT))
		buf_fmt(&b, "X-Status: %s%s%s%s\n", r->flags & STORE_ANSWERED ? "A" : "",
			r->flags & STORE_FLAGGED ? "F" : "", r->flags & STORE_DELETED ? "D" : "",
			r->flags & STORE_DRAFT ? "T" : "");
	for (i = 0; i < w->v->nkeywords; i++)
		if ((r->keywords & (UINT64_C(1) << i)) && w->v->keyword[i].n) {
			buf_puts(&b, any ? " " : "X-Keywords: ");
			buf_str(&b, w->v->keyword[i]);
			any = true;
		}
	if (any)
		buf_c(&b, '\n');
	put(w, buf_view(&b));
	buf_done(&b);
}

/* Fields that mean something in an mbox are not the message's to set. */
static bool left_out(struct str line)
{
	static const char *const name[] = { "Status:", "X-Status:", "X-Keywords:", "X-UID:", "X-IMAP:", "X-IMAPbase:" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(name); i++)
		if (str_istarts(line, name[i]))
			return true;
	return false;
}

static void put_line(struct writing *w, struct str line, const struct store_rec *r, bool starts, bool ends)
{
	size_t i;

	if (ends && line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (w->header && starts && ends && !line.n) {
		w->header = false;
		put_status(w, r);
	} else if (w->header && starts) {
		if (line.n && line.p[0] != ' ' && line.p[0] != '\t')
			w->folded_out = left_out(line);
	} else if (starts) {
		for (i = 0; i < line.n && line.p[i] == '>'; i++)
			;
		if (str_starts(str_from(line, i), "From "))
			put(w, STR(">"));
	}
	if (w->header && w->folded_out)
		return;
	put(w, line);
	if (ends)
		put(w, STR("\n"));
}

/* Lines longer than a piece come in several. */
static bool put_lines(struct writing *w, const struct store_rec *r, bool starts, bool last)
{
	struct str rest = buf_view(&w->in);

	while (rest.n) {
		ssize_t lf = str_find(rest, '\n');

		if (lf >= 0) {
			put_line(w, str_sub(rest, 0, (size_t)lf), r, starts, true);
			rest = str_from(rest, (size_t)lf + 1);
			starts = true;
		} else if (last || rest.n >= PIECE) {
			put_line(w, rest, r, starts, last);
			rest = STR("");
			starts = last;
		} else {
			break;
		}
	}
	buf_drop(&w->in, w->in.n - rest.n);
	return starts;
}

/* The address of Return-Path, if it is one word. */
static void put_from(struct writing *w, uint32_t index, const struct store_rec *r)
{
	struct str sender = STR("MAILER-DAEMON"), rest, line, v;
	struct store_desc d = { 0 };
	time_t t = (time_t)r->internaldate;
	struct arena a;
	char text[64];
	struct buf b;
	struct tm tm;
	size_t i;

	arena_init(&a);
	buf_init(&b, 4096);
	if (store_describe(w->v, index, STORE_WANT_HEADERS, &a, &d) == 0) {
		rest = d.headers;
		while (rest.p && rest.n) {
			line = str_cut(&rest, '\n');
			if (!str_istarts(line, "Return-Path:"))
				continue;
			v = str_trim(str_from(line, 12));
			if (v.n > 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
				v = str_sub(v, 1, v.n - 1);
			for (i = 0; i < v.n && v.p[i] > ' ' && v.p[i] < 127; i++)
				;
			if (v.n > 2 && i == v.n && v.n < 300)
				sender = v;
		}
	}
	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
	buf_fmt(&b, "From %.*s %s\n", STRF(sender), text);
	put(w, buf_view(&b));
	buf_done(&b);
	arena_done(&a);
}

static int put_message(struct writing *w, uint32_t index)
{
	const struct store_rec *r = &w->v->rec[index];
	struct store_msg m;
	uint64_t at = 0;
	bool starts = true;
	int err = store_msg_open(w->v, index, &m);

	if (err)
		return err == E_NOTFOUND ? 0 : err; /* removed meanwhile */
	put_from(w, index, r);
	w->header = true;
	w->folded_out = false;
	buf_reset(&w->in);
	while (!err && !w->err && at < m.size) {
		size_t before = w->in.n;

		err = store_msg_read(&m, at, PIECE, &w->in);
		if (w->in.n == before)
			break;
		at += w->in.n - before;
		starts = put_lines(w, r, starts, false);
	}
	put_lines(w, r, starts, true);
	if (w->header) {
		put_status(w, r);
		put(w, STR("\n"));
	}
	put(w, STR("\n"));
	store_msg_close(&m);
	return err ? err : w->err;
}

static int put_folder(struct writing *w)
{
	uint32_t i;
	int err = 0;

	w->j->total = w->v->n;
	for (i = 0; !err && i < w->v->n; i++) {
		err = put_message(w, i);
		w->j->done++;
		if (!err)
			err = job_progress(w->j, "messages");
	}
	if (!err && w->out.n)
		err = file_write_all(w->fd, w->out.p, w->out.n);
	return err ? err : remote_sync(w->j);
}

int export_mbox(struct job *j)
{
	struct str folder = ipc_get(j->m, "folder"), path = STR("");
	struct writing w = { .j = j, .fd = -1 };
	struct job_folder row;
	int err;

	if (!folder.n)
		folder = STR("INBOX");
	err = store_select(j->store, folder, true, &w.v);
	if (err)
		return job_fail(j, err, "%.*s: %s", STRF(folder), err == E_NOTFOUND ? "there is no such folder" : err_text(err));
	buf_init(&w.out, 4 * PIECE);
	buf_init(&w.in, 4 * PIECE);
	err = remote_create(j, &path, 1, &w.fd);
	if (!err)
		err = w.fd < 0 ? w.fd : put_folder(&w);
	row = (struct job_folder){ .name = folder, .messages = w.v->n, .added = j->done, .uids = "",
		.words = "written as mboxrd" };
	if (!err)
		job_row(j, &row);
	store_deselect(w.v);
	buf_done(&w.out);
	buf_done(&w.in);
	fd_close(&w.fd);
	return err;
}
