/* SPDX-License-Identifier: ISC
 *
 * trace_fields.c: fuzz target of what the keeper of events reads: lines of a
 * block, an event's fields, escapes, the sentence; and that what was escaped comes back as it was.
 */
#include "trace/events.h"
#include "trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_event(struct str program, struct str text, struct arena *a)
{
	const struct event_def *d;
	struct fields e;
	struct buf out;
	size_t i;

	if (fields_parse(text, &e) < 0)
		return;
	for (i = 0; i < e.n; i++) {
		BUG_ON(fields_text(a, e.f[i].raw).n > e.f[i].raw.n);
		fields_contain(e.f[i].raw, STR("an"));
	}
	buf_init(&out, 16384);
	d = event_find(program, e.event);
	if (d)
		event_words(d, &e, a, &out);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = str_make(data, size), rest = input, whole;
	struct record r;
	struct arena a;

	arena_init(&a);
	one_event(STR("smtpd"), input, &a);
	while (record_next(&rest, &r))
		one_event(r.program, r.text, &a);
	whole = fields_text(&a, fields_escape(&a, input));
	BUG_ON(size < 100 && !str_eq(whole, input));
	arena_done(&a);
	return 0;
}
