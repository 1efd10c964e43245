/* SPDX-License-Identifier: ISC
 *
 * picture.c: a mailbox in a temporary directory, and all that a client sees of it.
 */
#include "tests/crash/crash.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char dir[64];
struct told *told;

NORETURN void bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told->text, sizeof(told->text), fmt, ap);
	va_end(ap);
	_exit(9);
}

/* --- a mailbox ------------------------------------------------------------ */

void box_path(char *out, size_t n, const char *a, const char *b)
{
	if ((size_t)snprintf(out, n, "%s/%s", a, b) >= n)
		bad("path too long");
}

void box_remove(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char sub[1024];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		box_path(sub, sizeof(sub), path, e->d_name);
		if (unlink(sub) != 0)
			box_remove(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

struct store *box_open(void)
{
	struct store_options o = { .host = "mx.example", .lock_timeout_ms = 5000 };
	struct store *s = NULL;
	int err;

	o.key = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = store_open(&o, &s);
	if (err)
		bad("store_open: %s", err_text(err));
	return s;
}

void text_of(const char *subject, struct buf *out)
{
	size_t want = strncmp(subject, "big", 3) == 0 ? BIG : 700;

	buf_fmt(out, "From: a@example.org\r\nTo: b@example.org\r\nSubject: %s\r\n\r\n", subject);
	while (out->n < want)
		buf_fmt(out, "%s: line at %zu of the body\r\n", subject, out->n);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pfolder *)a)->name, ((const struct pfolder *)b)->name);
}

static void picture_message(struct store_view *v, uint32_t i, struct arena *a, struct pmessage *m)
{
	const struct store_rec *r = &v->rec[i];
	struct store_msg msg;
	struct store_desc desc;
	struct buf want;
	const char *from, *end;
	unsigned k;

	m->uid = r->uid;
	m->flags = r->flags & 31;
	m->modseq = r->modseq;
	for (k = 0; k < v->nkeywords; k++)
		if (r->keywords >> k & 1)
			snprintf(m->keywords + strlen(m->keywords), sizeof(m->keywords) - strlen(m->keywords), "%.*s ",
				(int)v->keyword[k].n, v->keyword[k].p);
	if (store_msg_open(v, i, &msg) != 0 || store_msg_load(&msg) != 0)
		bad("uid %u of %.*s cannot be read", r->uid, (int)v->name.n, v->name.p);
	from = memmem(msg.text.p, msg.text.n, "Subject: ", 9);
	end = from ? memchr(from, '\r', (size_t)(msg.text.p + msg.text.n - from)) : NULL;
	if (end)
		snprintf(m->subject, sizeof(m->subject), "%.*s", (int)(end - from - 9), from + 9);
	buf_init(&want, 2 * BIG);
	text_of(m->subject, &want);
	m->whole = strncmp(m->subject, "foreign", 7) == 0 || str_eq(msg.text, buf_view(&want));
	m->whole &= r->size == msg.text.n;
	buf_done(&want);
	store_msg_close(&msg);
	if (store_describe(v, i, STORE_WANT_ENVELOPE, a, &desc) != 0 || !memmem(desc.envelope.p, desc.envelope.n,
		m->subject, strlen(m->subject)))
		bad("uid %u of %.*s has a wrong ENVELOPE", r->uid, (int)v->name.n, v->name.p);
}

static void picture_folder(struct store *s, struct pfolder *f, struct arena *a, struct picture *p)
{
	struct store_view *v;
	struct store_status st;
	int err = store_select(s, str_of(f->name), true, &v);
	uint32_t i;

	if (!err)
		err = store_status(s, str_of(f->name), &st);
	if (err)
		bad("folder %s: %s", f->name, err_text(err));
	f->validity = v->uidvalidity;
	f->uidnext = v->uidnext;
	f->modseq = v->highestmodseq;
	if (st.messages != v->n || st.uidnext != v->uidnext || st.uidvalidity != v->uidvalidity)
		bad("folder %s: STATUS is not what SELECT says", f->name);
	for (i = 0; i < v->n && p->nm < MESSAGES; i++) {
		snprintf(p->m[p->nm].folder, sizeof(p->m[0].folder), "%s", f->name);
		picture_message(v, i, a, &p->m[p->nm++]);
	}
	store_deselect(v);
}

void picture_take(struct store *s, struct picture *p)
{
	struct store_folder *f;
	struct arena a;
	size_t n, i;
	int err;

	memset(p, 0, sizeof(*p));
	arena_init(&a);
	err = store_folders(s, &a, &f, &n);
	if (err)
		bad("store_folders: %s", err_text(err));
	for (i = 0; i < n && p->nf < FOLDERS; i++) {
		snprintf(p->f[p->nf].name, sizeof(p->f[0].name), "%.*s", (int)f[i].name.n, f[i].name.p);
		p->f[p->nf++].flags = f[i].flags & (STORE_NOSELECT | STORE_SUBSCRIBED | STORE_NONEXISTENT);
	}
	qsort(p->f, p->nf, sizeof(p->f[0]), by_name);
	for (i = 0; i < p->nf; i++)
		if (!(p->f[i].flags & (STORE_NOSELECT | STORE_NONEXISTENT)))
			picture_folder(s, &p->f[i], &a, p);
	arena_done(&a);
}
