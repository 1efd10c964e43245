/* SPDX-License-Identifier: ISC
 *
 * verbs_directory.c: mansio directory copy: from one database of accounts into another.
 */
#include <sysexits.h>

#include "auth/directory_copy.h"
#include "auth/verbs.h"

static void failed(struct verb *v, const struct directory_copy *c, int r)
{
	switch (r) {
	case E_NOTFOUND:
		verb_fail(v, EX_USAGE, "one of the two is the built-in database (sqlite), the other one has to be named by [auth] directory, "
			"too: 'directory = sqlite, pgsql' while it is filled");
		break;
	case E_EXISTS:
		verb_fail(v, EX_CANTCREAT, "the directory '%.*s' is not empty: nothing was copied; --replace removes first what is in it",
			STRF(c->to));
		break;
	case E_SYNTAX:
		verb_fail(v, EX_DATAERR, "nothing was copied: the directory '%.*s' cannot have a value of the table '%s'", STRF(c->to),
			c->ntables < ARRAY_LEN(c->table) && c->table[c->ntables].name ? c->table[c->ntables].name : "?");
		break;
	case E_CLOSED:
		verb_fail(v, EX_TEMPFAIL, "the connection to the directory '%.*s' broke at the very end: either all is there or nothing; "
			"--replace copies again", STRF(c->to));
		break;
	default:
		verb_fail(v, EX_TEMPFAIL, "nothing was copied: %s", verb_trouble(v, r));
	}
}

void verb_directory_copy(struct verb *v)
{
	struct directory_copy c = { .from = ipc_get(v->m, "from"), .to = ipc_get(v->m, "to"), .working = verb_working };
	struct ipc_msg m;
	size_t i;
	int r;

	if (verb_bool(v, "replace", &c.replace) < 0)
		return;
	r = directory_copy(v->d, &c);
	if (r < 0) {
		v->changed = r == E_CLOSED;
		failed(v, &c, r);
		return;
	}
	v->changed = true;
	ipc_init(&m, "result");
	for (i = 0; i < c.ntables; i++)
		ipc_set_u64(&m, c.table[i].name, c.table[i].rows);
	verb_row(v, &m);
}
