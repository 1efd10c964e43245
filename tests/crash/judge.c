/* SPDX-License-Identifier: ISC
 *
 * judge.c: is what a client sees after a fault allowed? The rules stand in store.c.
 */
#include "tests/crash/crash.h"

#include <string.h>

static const struct pfolder *folder_in(const struct picture *p, const char *name)
{
	unsigned i;

	for (i = 0; i < p->nf; i++)
		if (strcmp(p->f[i].name, name) == 0)
			return &p->f[i];
	return NULL;
}

static bool same_message(const struct pmessage *a, const struct pmessage *b)
{
	return strcmp(a->subject, b->subject) == 0 && strcmp(a->folder, b->folder) == 0 && a->flags == b->flags &&
		strcmp(a->keywords, b->keywords) == 0;
}

static unsigned count_same(const struct picture *p, const struct pmessage *m)
{
	unsigned i, n = 0;

	for (i = 0; i < p->nm; i++)
		n += same_message(&p->m[i], m);
	return n;
}

/* Messages with the subject, in one folder or in all. */
static unsigned count_subject(const struct picture *p, const char *subject, const char *folder)
{
	unsigned i, n = 0;

	for (i = 0; i < p->nm; i++)
		n += strcmp(p->m[i].subject, subject) == 0 && (!folder || strcmp(p->m[i].folder, folder) == 0);
	return n;
}

const char *why;
char whom[100];

bool judge_numbers(const struct picture *early, const struct picture *p)
{
	unsigned i, k;

	for (i = 0; i < p->nm; i++) {
		const struct pmessage *m = &p->m[i];
		const struct pfolder *f = folder_in(p, m->folder), *g = folder_in(early, m->folder);
		bool known = false;

		if (!m->whole)
			WRONG("a message is not whole", m->folder, m->subject);
		if (m->uid >= f->uidnext || m->modseq > f->modseq)
			WRONG("a number is above the next one", m->folder, m->subject);
		if (i && strcmp(p->m[i - 1].folder, m->folder) == 0 && p->m[i - 1].uid >= m->uid)
			WRONG("UIDs do not rise", m->folder, m->subject);
		for (k = 0; k < early->nm; k++)
			if (strcmp(early->m[k].folder, m->folder) == 0 && early->m[k].uid == m->uid &&
				g->validity == f->validity) {
				known = true;
				if (strcmp(early->m[k].subject, m->subject) != 0)
					WRONG("a UID means another message", m->folder, m->subject);
				if (early->m[k].modseq > m->modseq)
					WRONG("MODSEQ of a message ran backwards", m->folder, m->subject);
			}
		if (!known && g && g->validity == f->validity && g->uidnext && m->uid < g->uidnext)
			WRONG("a message appeared below UIDNEXT", m->folder, m->subject);
	}
	for (i = 0; i < early->nf; i++) {
		const struct pfolder *f = folder_in(p, early->f[i].name);

		if (!f || !f->validity || !early->f[i].validity)
			continue;
		if (f->validity < early->f[i].validity)
			WRONG("UIDVALIDITY fell", f->name, "");
		if (f->validity == early->f[i].validity &&
			(f->uidnext < early->f[i].uidnext || f->modseq < early->f[i].modseq))
			WRONG("UIDNEXT or MODSEQ ran backwards", f->name, "");
	}
	return true;
}

bool judge_doubt(const struct scenario *sc, const struct picture *p)
{
	const struct picture *b = &told->before, *a = &told->after;
	unsigned i, like_b = 0, like_a = 0;

	for (i = 0; i < p->nf; i++) {
		const struct pfolder *f = &p->f[i], *fb = folder_in(b, f->name), *fa = folder_in(a, f->name),
			*fe = folder_in(&told->early, f->name);

		if (!fb && !fa)
			WRONG("a folder nobody made", f->name, "");
		if (!(fb && fb->flags == f->flags) && !(fa && fa->flags == f->flags) && !(sc->flags & OPENS))
			WRONG("a folder in a third state", f->name, "");
		if (fe && fe->validity && f->validity && fe->validity != f->validity)
			WRONG("UIDVALIDITY changed", f->name, "");
		like_b += fb && fb->flags == f->flags;
		like_a += fa && fa->flags == f->flags;
	}
	if ((sc->flags & WHOLE) && !(like_b == p->nf && p->nf == b->nf) && !(like_a == p->nf && p->nf == a->nf))
		WRONG("folders half as before, half as after", "", "");
	for (i = 0; i < b->nf; i++)
		if (folder_in(a, b->f[i].name) && !folder_in(p, b->f[i].name))
			WRONG("a folder is gone", b->f[i].name, "");
	for (i = 0; i < p->nm; i++)
		if (!count_same(b, &p->m[i]) && !count_same(a, &p->m[i]))
			WRONG("a message in a third state", p->m[i].folder, p->m[i].subject);
	for (i = 0; i < b->nm; i++) {
		const struct pmessage *m = &b->m[i];
		unsigned nb = count_subject(b, m->subject, NULL), na = count_subject(a, m->subject, NULL);
		unsigned n = count_subject(p, m->subject, NULL);

		if (na && !n)
			WRONG("a message is lost", m->folder, m->subject);
		if (count_subject(a, m->subject, m->folder) && !count_subject(p, m->subject, m->folder))
			WRONG("a message left its folder", m->folder, m->subject);
		if (n > MAX(nb, na) + (sc->flags & TWICE ? 1 : 0))
			WRONG("a message is doubled", m->folder, m->subject);
	}
	return true;
}

static bool same_messages(const struct picture *p, const struct picture *q)
{
	unsigned i;

	for (i = 0; i < p->nm; i++)
		if (count_same(p, &p->m[i]) != count_same(q, &p->m[i]))
			return false;
	return p->nm == q->nm;
}

bool judge_atomic(const struct picture *p)
{
	if (!same_messages(p, &told->before) && !same_messages(p, &told->after))
		WRONG("half of it was done", "", "");
	return true;
}

bool judge_done(const struct picture *p, bool doubles)
{
	const struct picture *a = &told->after;
	unsigned i;

	if (p->nf != a->nf)
		WRONG("folders are not as acknowledged", "", "");
	for (i = 0; i < a->nf; i++) {
		const struct pfolder *f = folder_in(p, a->f[i].name);

		if (!f || f->flags != a->f[i].flags)
			WRONG("a folder is not as acknowledged", a->f[i].name, "");
	}
	for (i = 0; i < a->nm; i++)
		if (count_same(p, &a->m[i]) != count_same(a, &a->m[i]) && !(doubles && count_same(p, &a->m[i])))
			WRONG("a message is not as acknowledged", a->m[i].folder, a->m[i].subject);
	for (i = 0; i < p->nm; i++)
		if (!count_same(a, &p->m[i]))
			WRONG("a message that should be gone or changed", p->m[i].folder, p->m[i].subject);
	return true;
}

bool judge_rebuilt(const struct picture *a, const struct picture *b)
{
	unsigned i;

	if (a->nf != b->nf || a->nm != b->nm)
		WRONG("a new index says something else", "", "");
	for (i = 0; i < a->nf; i++)
		if (strcmp(a->f[i].name, b->f[i].name) != 0 || a->f[i].flags != b->f[i].flags ||
			a->f[i].validity != b->f[i].validity || a->f[i].uidnext > b->f[i].uidnext)
			WRONG("a new index says something else of a folder", a->f[i].name, "");
	for (i = 0; i < a->nm; i++)
		if (!same_message(&a->m[i], &b->m[i]) || a->m[i].uid != b->m[i].uid || !b->m[i].whole)
			WRONG("a new index says something else of a message", a->m[i].folder, a->m[i].subject);
	return true;
}
