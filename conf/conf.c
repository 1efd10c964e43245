/* SPDX-License-Identifier: ISC
 *
 * conf.c: reads a file of settings into struct conf.
 *
 *     file    = *( line LF )
 *     line    = "" / comment / "[" section "]" / key "=" value
 *     comment = ( "#" / ";" ) text            ; a whole line, never a tail
 *
 * All rows start from their defaults; each line that does not fit is one
 * error in the report, and reading goes on, so that one run shows every
 * mistake. Checks between settings run only when all lines were good (they
 * would only repeat the same mistake in other words).
 */
#include "conf/conf.h"

#include <unistd.h>

#include "conf/check.h"
#include "conf/near.h"
#include "conf/value.h"

#define TEXT_MAX (64 * 1024) /* the settings travel in one IPC message */
#define VALUE_MAX 8192

struct reader {
	struct conf *c;
	struct conf_report report;
	unsigned *line;
	unsigned lineno;
	struct str section; /* a known one; empty: none yet; p NULL: an unknown one */
};

struct conf *conf_defaults(void)
{
	struct conf *c = mem_alloc(1, sizeof(*c));
	size_t i;

	arena_init(&c->arena);
	c->set = arena_array(&c->arena, conf_nkeys, sizeof(*c->set));
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];
		struct buf why;

		buf_init(&why, 256);
		BUG_ON(conf_value_parse(k, str_of(k->dflt), &c->arena, conf_field(c, k), &why) < 0);
		buf_done(&why);
	}
	return c;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	arena_done(&c->arena);
	free(c);
}

bool conf_has_directory(const struct conf *c, const char *word)
{
	size_t i;

	for (i = 0; i < c->auth_directory.n; i++)
		if (str_eqc(c->auth_directory.v[i], word))
			return true;
	return false;
}

const char *conf_hostname(const struct conf *c)
{
	static char name[256];

	if (c->server_hostname.n)
		snprintf(name, sizeof name, "%.*s", STRF(c->server_hostname));
	else if (gethostname(name, sizeof name - 1) || !name[0])
		snprintf(name, sizeof name, "localhost");
	return name;
}

bool conf_is_set(const struct conf *c, size_t key_index)
{
	return c->set[key_index];
}

static bool section_known(struct str name)
{
	size_t i;

	for (i = 0; i < conf_nkeys; i++)
		if (str_eqc(name, conf_keys[i].section))
			return true;
	return false;
}

static void section_line(struct reader *r, struct str line)
{
	struct str name, best = STR_NONE;
	unsigned d, best_d = UINT32_MAX;
	char shown[80];
	size_t i;

	if (line.p[line.n - 1] != ']') {
		conf_error(&r->report, r->lineno, "a section needs its closing bracket: [name]");
		r->section = STR_NONE;
		return;
	}
	name = str_trim(str_sub(line, 1, line.n - 1));
	if (section_known(name)) {
		r->section = name;
		return;
	}
	r->section = STR_NONE;
	for (i = 0; i < conf_nkeys; i++) {
		d = near_distance(name, str_of(conf_keys[i].section));
		if (d < best_d) {
			best_d = d;
			best = str_of(conf_keys[i].section);
		}
	}
	if (near_enough(name, best_d))
		conf_error(&r->report, r->lineno, "unknown section [%s]: did you mean [%.*s]?",
			conf_shown(name, shown), STRF(best));
	else
		conf_error(&r->report, r->lineno, "unknown section [%s]", conf_shown(name, shown));
}

/* The key that was probably meant: the nearest of this section; else the
 * nearest of all, where a key of the same name elsewhere is at distance 0. */
static void unknown_key(struct reader *r, struct str name)
{
	const struct conf_key *here = NULL, *any = NULL;
	unsigned d, here_d = UINT32_MAX, any_d = UINT32_MAX;
	char shown[80];
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		d = near_distance(name, str_of(k->name));
		if (str_eqc(r->section, k->section) && d < here_d) {
			here_d = d;
			here = k;
		}
		if (d < any_d) {
			any_d = d;
			any = k;
		}
	}
	conf_shown(name, shown);
	if (any_d > 0 && here && near_enough(name, here_d))
		conf_error(&r->report, r->lineno, "unknown key '%s' in [%.*s]: did you mean '%s'?", shown,
			STRF(r->section), here->name);
	else if (any && near_enough(name, any_d))
		conf_error(&r->report, r->lineno, "unknown key '%s' in [%.*s]: did you mean '%s' in [%s]?",
			shown, STRF(r->section), any->name, any->section);
	else
		conf_error(&r->report, r->lineno, "unknown key '%s' in [%.*s]", shown, STRF(r->section));
}

static void set_key(struct reader *r, size_t i, struct str value)
{
	const struct conf_key *k = &conf_keys[i];
	struct buf why;
	char shown[80];

	if (r->line[i]) {
		conf_error(&r->report, r->lineno, "%s is set twice, first in line %u", k->name, r->line[i]);
		return;
	}
	r->line[i] = r->lineno;
	buf_init(&why, 512);
	if (value.n > VALUE_MAX)
		conf_error(&r->report, r->lineno, "%s: longer than %d bytes", k->name, VALUE_MAX);
	else if (conf_value_parse(k, value, &r->c->arena, conf_field(r->c, k), &why) < 0)
		conf_error(&r->report, r->lineno, "%s = %s: %s", k->name, conf_shown(value, shown),
			buf_cstr(&why));
	else
		r->c->set[i] = true;
	buf_done(&why);
}

static void key_line(struct reader *r, struct str line)
{
	struct str rest = line, name;
	size_t i;

	name = str_trim(str_cut(&rest, '='));
	if (!rest.p) {
		conf_error(&r->report, r->lineno, "neither [section], nor key = value, nor a comment (#)");
		return;
	}
	if (!r->section.p)
		return; /* the section's own error says it all */
	if (r->section.n == 0) {
		conf_error(&r->report, r->lineno, "a key before the first [section]");
		return;
	}
	for (i = 0; i < conf_nkeys; i++) {
		if (str_eqc(r->section, conf_keys[i].section) && str_eqc(name, conf_keys[i].name)) {
			set_key(r, i, str_trim(rest));
			return;
		}
	}
	unknown_key(r, name);
}

static bool line_printable(struct str line)
{
	size_t i;

	for (i = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
			return false;
	return str_is_utf8(line);
}

static void read_lines(struct reader *r, struct str text)
{
	struct str rest = text, line;

	while (rest.p) {
		line = str_trim(str_cut(&rest, '\n'));
		r->lineno++;
		if (line.n == 0)
			continue;
		if (!line_printable(line))
			conf_error(&r->report, r->lineno, "control characters, or not UTF-8");
		else if (line.p[0] == '#' || line.p[0] == ';')
			continue;
		else if (line.p[0] == '[')
			section_line(r, line);
		else
			key_line(r, line);
	}
}

int conf_parse(struct str text, const char *file_name, struct buf *errors, struct conf **out)
{
	struct reader r = { .c = conf_defaults(), .section = STR("") };

	r.line = mem_alloc(conf_nkeys, sizeof(*r.line));
	r.report = (struct conf_report){ file_name, r.line, errors, 0 };
	if (text.n > TEXT_MAX)
		conf_error(&r.report, 0, "larger than %d bytes", TEXT_MAX);
	else
		read_lines(&r, text);
	if (r.report.count == 0)
		conf_check(r.c, &r.report);
	free(r.line);
	if (r.report.count > 0) {
		conf_free(r.c);
		return E_SYNTAX;
	}
	*out = r.c;
	return 0;
}
