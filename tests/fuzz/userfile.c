/* SPDX-License-Identifier: ISC
 *
 * userfile.c: fuzz target of other servers' files of people (auth/userfile.h). The first byte chooses the format,
 * or that it is told by the text. Lines are counted truly, each entry has a name, and what it holds lies within
 * its line.
 */
#include "auth/userfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str line, struct str s)
{
	BUG_ON(s.n > 0 && (s.p < line.p || s.p + s.n > line.p + line.n));
}

static void look(struct str line, enum userfile_format f)
{
	struct userfile_entry e;
	const char *why = NULL;
	size_t i;
	int r = userfile_parse(line, f, &e, &why);

	BUG_ON(!why || (r == 1 && e.who.n == 0) || e.ntargets > USERFILE_TARGETS_MAX);
	BUG_ON(r == 1 && e.alias && (e.ntargets == 0 || e.hash.n > 0));
	BUG_ON(str_has_ctl(e.name) || !str_is_utf8(e.name));
	inside(line, e.who);
	inside(line, e.hash);
	inside(line, e.name);
	for (i = 0; i < e.ntargets; i++)
		inside(line, e.target[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size), rest, line;
	uint64_t n = 0, at, before = 0, total = 1;
	enum userfile_format f;
	struct arena a;
	size_t i;

	if (size == 0)
		return 0;
	f = (enum userfile_format)(text.p[0] % 5);
	text = rest = str_from(text, 1);
	if (f == USERFILE_UNKNOWN)
		f = userfile_detect(text);
	arena_init(&a);
	while (userfile_next(&rest, &n, &a, &line, &at)) {
		BUG_ON(at <= before || at > n || line.n == 0);
		before = n;
		look(line, f);
	}
	for (i = 0; i < text.n; i++)
		total += text.p[i] == '\n';
	BUG_ON(n > total);
	arena_done(&a);
	return 0;
}
