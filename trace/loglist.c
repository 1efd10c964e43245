/* SPDX-License-Identifier: ISC
 *
 * loglist.c: mansio log list: events as the log has them, the newest that fit.
 */
#include "trace/query.h"

#define LINES_MAX 8192 /* of a block */

struct run {
	const struct log_filter *f;
	struct arena a;
	struct record *line, *found; /* found: the newest first */
	size_t n, most;
};

bool log_fits(const struct log_filter *f, const struct record *r)
{
	if (r->level == BLOCK_INDEX || r->level - '0' < f->level || (f->since && r->time < f->since) ||
	    (f->until && r->time >= f->until))
		return false;
	if (f->program.n && !str_eq(r->program, f->program))
		return false;
	return fields_contain(r->text, f->match);
}

static bool visit(void *arg, int64_t n, struct str text)
{
	struct run *run = arg;
	struct record r;
	size_t k = 0;

	(void)n;
	if (!fields_contain(text, run->f->match))
		return true; /* in none of its lines */
	while (record_next(&text, &r))
		if (k < LINES_MAX && log_fits(run->f, &r))
			run->line[k++] = r;
	while (k > 0 && run->n < run->most) {
		r = run->line[--k];
		r.program = arena_str(&run->a, r.program);
		r.text = arena_str(&run->a, r.text);
		run->found[run->n++] = r;
	}
	return run->n < run->most;
}

int log_run(struct keep *k, const struct log_filter *f, uint64_t limit, record_row *row, void *arg)
{
	struct look l = { .since = f->since, .until = f->until, .worst = f->level, .backward = true };
	struct run run = { .f = f, .most = (size_t)limit };
	int r;

	arena_init(&run.a);
	run.line = arena_array(&run.a, LINES_MAX, sizeof(*run.line));
	run.found = arena_array(&run.a, run.most + 1, sizeof(*run.found));
	r = keep_look(k, &l, visit, &run);
	while (r == 0 && run.n > 0)
		row(arg, &run.found[--run.n]);
	arena_done(&run.a);
	return r;
}
