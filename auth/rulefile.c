/* SPDX-License-Identifier: ISC
 *
 * rulefile.c: the table of rulefile.h: read here, made in rulefile_parse.c.
 */
#include "auth/rulefile.h"

#include "auth/rules.h"
#include "auth/rulefile_private.h"

#define KEY_MAX 1400 /* a kind and the longest address there is */

static const struct {
	char letter;
	const char *kind;
} kinds[] = {
	{ 'R', RULE_REWRITE_RECIPIENT }, { 'S', RULE_REWRITE_SENDER },
	{ 'c', RULE_CLIENT }, { 'r', RULE_RECIPIENT }, { 's', RULE_SENDER },
};

char rulefile_letter(struct str kind)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eqc(kind, kinds[i].kind))
			return kinds[i].letter;
	return 0;
}

static const char *kind_of(char letter)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].letter == letter)
			return kinds[i].kind;
	return "";
}

/* The line that holds the byte `at`, without its end; from_out: where it begins. */
static struct str line_at(struct str t, size_t at, size_t *from_out)
{
	size_t from = at;
	const char *end;

	while (from > 0 && t.p[from - 1] != '\n')
		from--;
	end = memchr(t.p + from, '\n', t.n - from);
	*from_out = from;
	return str_sub(t, from, end ? (size_t)(end - t.p) : t.n);
}

static void row_of(struct str line, struct directory_rule *out)
{
	struct str kind = str_cut(&line, '\t');

	*out = (struct directory_rule){ .kind = str_of(kind_of(kind.n == 1 ? kind.p[0] : '\0')) };
	out->who = str_cut(&line, '\t');
	out->action = str_cut(&line, '\t');
	out->text = str_cut(&line, '\t');
	out->comment = line;
}

/* The first line that does not sort before the key; its end is that of the table: none. */
static struct str first_from(struct str t, struct str key)
{
	size_t lo = 0, hi = t.n, from;
	struct str line;

	while (lo < hi) {
		line = line_at(t, lo + (hi - lo) / 2, &from);
		if (str_cmp(line, key) < 0)
			lo = MIN(from + line.n + 1, hi);
		else
			hi = from;
	}
	return lo < t.n ? line_at(t, lo, &from) : STR_NONE;
}

static bool begins(struct str line, struct str key)
{
	return line.n >= key.n && str_eq(str_sub(line, 0, key.n), key);
}

int rulefile_find(struct str table, struct str kind, struct str who, struct directory_rule *out)
{
	char key[KEY_MAX];
	struct str line, k;

	if (table.n == 0 || who.n > KEY_MAX - 3)
		return E_NOTFOUND;
	key[0] = rulefile_letter(kind);
	key[1] = '\t';
	memcpy(key + 2, who.p, who.n);
	key[2 + who.n] = '\t';
	k = str_make(key, who.n + 3);
	line = first_from(table, k);
	if (!begins(line, k))
		return E_NOTFOUND;
	row_of(line, out);
	return 0;
}

bool rulefile_has(struct str table, struct str kind)
{
	const char key[] = { rulefile_letter(kind), '\t' };
	struct str k = str_make(key, sizeof key);

	return begins(first_from(table, k), k);
}

void rulefile_each(struct str table, bool (*fn)(const struct directory_rule *v, void *arg), void *arg)
{
	struct directory_rule v;
	bool more = true;

	while (table.n > 0 && more) {
		row_of(str_cut(&table, '\n'), &v);
		more = fn(&v, arg);
	}
}
