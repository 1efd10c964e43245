/* SPDX-License-Identifier: ISC
 *
 * print.c: settings as text: for `mansio config show`, for the processes that
 * get them from master, and to compare two sets of them.
 */
#include "conf/conf.h"

#include "conf/value.h"

/* Both values as text: the one comparison that fits every type. */
static bool same(const struct conf *a, const struct conf *b, const struct conf_key *k)
{
	struct buf x, y;
	bool eq;

	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	conf_value_print(k, conf_field_of(a, k), &x);
	conf_value_print(k, conf_field_of(b, k), &y);
	eq = str_eq(buf_view(&x), buf_view(&y));
	buf_done(&x);
	buf_done(&y);
	return eq;
}

void conf_print(const struct conf *c, bool only_set, struct buf *out)
{
	struct conf *dflt = conf_defaults();
	const char *section = "";
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (only_set && same(c, dflt, k))
			continue;
		if (!str_eqc(str_of(k->section), section)) {
			buf_fmt(out, "%s[%s]\n", section[0] ? "\n" : "", k->section);
			section = k->section;
		}
		buf_fmt(out, "%s = ", k->name);
		conf_value_print(k, conf_field_of(c, k), out);
		buf_c(out, '\n');
	}
	conf_free(dflt);
}

int conf_value(const struct conf *c, const char *section, const char *name, struct buf *out)
{
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (strcmp(section, k->section) == 0 && strcmp(name, k->name) == 0) {
			conf_value_print(k, conf_field_of(c, k), out);
			return 0;
		}
	}
	return E_NOTFOUND;
}

void conf_restart_diff(const struct conf *a, const struct conf *b, struct buf *out)
{
	bool first = true;
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (k->when != CONF_RESTART || same(a, b, k))
			continue;
		buf_fmt(out, "%s%s.%s", first ? "" : ", ", k->section, k->name);
		first = false;
	}
}

void conf_keep_restart(const struct conf *running, struct conf *next)
{
	struct buf text, why;
	size_t i;

	buf_init(&text, 1 << 20);
	buf_init(&why, 256);
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (k->when != CONF_RESTART)
			continue;
		buf_reset(&text);
		conf_value_print(k, conf_field_of(running, k), &text);
		BUG_ON(conf_value_parse(k, buf_view(&text), &next->arena, conf_field(next, k), &why) < 0);
		next->set[i] = running->set[i];
	}
	buf_done(&text);
	buf_done(&why);
}
