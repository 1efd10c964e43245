/* SPDX-License-Identifier: ISC
 *
 * index_names.c: names of folders on disk, subscriptions, and what POP3 UIDLs are made of.
 *
 * A level is modified UTF-7 if it reads as that (RFC 3501 5.1.3), else UTF-8 (Dovecot with
 * mailbox_list_utf8), else its odd bytes become '_'.
 */
#include "import/index.h"
#include "mail/imapset.h"

static bool plain_level(struct str s)
{
	return s.n > 0 && !str_has_ctl(s) && str_is_utf8(s) && str_find(s, '/') < 0 && !str_eqc(s, ".") &&
		!str_eqc(s, "..");
}

static void level_text(struct str level, struct buf *out)
{
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	if (str_is_ascii(level) && mutf7_decode(level, &b) == 0 && plain_level(buf_view(&b))) {
		buf_str(out, buf_view(&b));
	} else if (plain_level(level)) {
		buf_str(out, level);
	} else if (!level.n) {
		buf_c(out, '_');
	} else {
		bool utf8 = str_is_utf8(level);

		for (i = 0; i < level.n; i++) {
			unsigned char c = (unsigned char)level.p[i];
			bool bad = c < 0x20 || c == 0x7f || c == '/' || (c >= 0x80 && !utf8) || (c == '.' && level.n <= 2);

			buf_c(out, bad ? '_' : (char)c);
		}
	}
	buf_done(&b);
}

int index_folder_name(struct str disk, char sep, struct arena *a, struct str *out)
{
	struct str rest = disk;
	struct buf b;
	int err;

	if (!disk.n || disk.n > 2000)
		return E_SYNTAX;
	buf_init(&b, 8192);
	while (rest.p) {
		level_text(str_cut(&rest, sep), &b);
		if (rest.p)
			buf_c(&b, '/');
	}
	err = b.err;
	if (!err && str_ieqc(buf_view(&b), "INBOX"))
		buf_puts(&b, "_"); /* the Inbox itself is another one */
	if (!err)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return err ? E_SYNTAX : 0;
}

/* Version 2 of Dovecot's: tabs between the levels, and \001 before what stands for another. */
static int tabbed_name(struct str line, struct arena *a, struct str *out)
{
	struct buf b;
	size_t i;
	int err;

	buf_init(&b, 8192);
	for (i = 0; i < line.n; i++) {
		if (line.p[i] == '\001' && i + 1 < line.n) {
			char c = line.p[++i];

			buf_c(&b, c == '1' ? '\001' : c == 't' ? '_' : c == 'n' ? '\n' : '_');
		} else {
			buf_c(&b, line.p[i]);
		}
	}
	err = b.err ? b.err : index_folder_name(buf_view(&b), '\t', a, out);
	buf_done(&b);
	return err;
}

static int subscribed_name(struct str line, bool courier, bool tabs, struct arena *a, struct str *out)
{
	if (str_ieqc(line, "INBOX")) {
		*out = STR("INBOX");
		return 0;
	}
	if (courier && str_starts(line, "INBOX."))
		line = str_from(line, 6);
	if (tabs)
		return tabbed_name(line, a, out);
	return index_folder_name(line, str_find(line, '/') >= 0 ? '/' : '.', a, out);
}

size_t index_subscriptions(struct str text, bool courier, struct arena *a, struct str **out)
{
	size_t n = 0, lines = 1, i;
	bool tabs = false;
	struct str *list;

	for (i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	list = arena_array(a, lines + 1, sizeof(*list));
	if (!courier && str_starts(text, "V\t2\n")) {
		tabs = true;
		str_cut(&text, '\n');
	}
	while (text.p && text.n) {
		struct str line = str_cut(&text, '\n');

		if (line.n && subscribed_name(line, courier, tabs, a, &list[n]) == 0)
			n++;
	}
	*out = list;
	return n;
}

/* --- UIDLs ------------------------------------------------------------------------- */

/* "%" ["0"] [width] ["X"] ("u" / "v"), "%f" */
static int uidl_part(const char **format, uint32_t uid, uint32_t uidvalidity, struct str base, struct buf *out)
{
	const char *p = *format + 1;
	bool zero = *p == '0', hex = false;
	unsigned width = 0;
	uint32_t v;

	while (*p >= '0' && *p <= '9' && width < 100)
		width = width * 10 + (unsigned)(*p++ - '0');
	if (*p == 'X' || *p == 'x') { /* both in small letters, as Dovecot has it */
		hex = true;
		p++;
	}
	*format = p;
	if (width > 20)
		return E_SYNTAX;
	if (*p == 'f' && !hex) {
		buf_str(out, base);
		return 0;
	}
	if (*p != 'u' && *p != 'v')
		return E_SYNTAX;
	v = *p == 'u' ? uid : uidvalidity;
	if (hex)
		buf_fmt(out, zero ? "%0*x" : "%*x", (int)width, v);
	else
		buf_fmt(out, zero ? "%0*u" : "%*u", (int)width, v);
	return 0;
}

int index_uidl(const char *format, uint32_t uid, uint32_t uidvalidity, struct str base, struct buf *out)
{
	for (; *format; format++) {
		if (*format != '%')
			buf_c(out, *format);
		else if (uidl_part(&format, uid, uidvalidity, base, out) < 0)
			return E_SYNTAX;
	}
	return out->err;
}
