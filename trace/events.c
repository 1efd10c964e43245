/* SPDX-License-Identifier: ISC
 *
 * events.c: the table of events and its sentences. The templates are ours; a
 * value can add text to a sentence, never another placeholder.
 */
#include "trace/events.h"

const struct event_def event_defs[] = {
#define EVENT(program, name, series, kind, fields, words) \
	{ program, name, SERIES_##series, CHANGE_##kind, fields, words },
#include "trace/events.def"
#undef EVENT
};
const size_t event_ndefs = ARRAY_LEN(event_defs);

const struct event_def *event_find(struct str program, struct str name)
{
	size_t i;

	for (i = 0; i < event_ndefs; i++) {
		const struct event_def *d = &event_defs[i];

		if (str_eqc(name, d->name) && (d->program[0] == '*' || str_eqc(program, d->program)))
			return d;
	}
	return NULL;
}

/* {field}, {field|text} or {field?}, t behind the brace. False: the field is missing or empty. */
static bool placeholder(struct str *t, const struct fields *e, struct arena *a, struct buf *out)
{
	struct str inside = str_cut(t, '}'), other = inside, name = str_cut(&other, '|');
	bool silent = str_ends(name, "?");
	struct str raw = STR_NONE;
	size_t i;

	name.n -= silent;
	for (i = 0; i < e->n && !raw.p; i++)
		if (str_eq(e->f[i].key, name))
			raw = e->f[i].raw;
	if (raw.n == 0) {
		buf_str(out, other);
		return other.p != NULL;
	}
	if (!silent)
		buf_str(out, fields_text(a, raw));
	return true;
}

void event_words(const struct event_def *d, const struct fields *e, struct arena *a, struct buf *out)
{
	struct str t = str_of(d->words);
	size_t optional = SIZE_MAX; /* where in out the brackets began */
	bool good = true;

	while (t.n > 0) {
		char c = t.p[0];

		t = str_from(t, 1);
		if (c == '{') {
			if (!placeholder(&t, e, a, out))
				good = false;
		} else if (c == '[') {
			optional = out->n;
			good = true;
		} else if (c == ']' && optional != SIZE_MAX) {
			if (!good)
				buf_cut(out, optional);
			optional = SIZE_MAX;
			good = true;
		} else {
			buf_c(out, c);
		}
	}
}
