/* SPDX-License-Identifier: ISC
 *
 * section.c: the grammar of FETCH (RFC 3501 9: fetch, fetch-att, section; MODSEQ: RFC 7162 7).
 */
#include "imap/section.h"

#include "imap/parse.h"

#define FIELDS_MAX 1000

static const struct {
	const char *word;
	enum section_text text;
} texts[] = {
	{ "HEADER.FIELDS.NOT", SECTION_FIELDS_NOT }, { "HEADER.FIELDS", SECTION_FIELDS },
	{ "HEADER", SECTION_HEADER }, { "TEXT", SECTION_TEXT }, { "MIME", SECTION_MIME },
};

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static int parse_fields(struct cur *c, struct arena *a, struct section *sec)
{
	struct str *field = arena_array(a, FIELDS_MAX, sizeof *field);
	size_t n = 0;

	if (!cur_word(c, " ("))
		return E_SYNTAX;
	do {
		if (n == FIELDS_MAX || imap_parse_astring(c, a, &field[n]) != 1 || !field[n].n ||
			str_has_ctl(field[n]))
			return E_SYNTAX;
		n++;
	} while (cur_take(c, ' '));
	sec->field = field;
	sec->nfields = n;
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

/* section-part = nz-number *("." nz-number) */
static int parse_path(struct cur *c, struct arena *a, struct section *sec)
{
	uint64_t n;

	while (cur_peek(c) >= '0' && cur_peek(c) <= '9') {
		if (cur_u64(c, UINT32_MAX, &n) != 1 || !n || sec->npath == SECTION_PATH_MAX)
			return E_SYNTAX;
		if (!sec->path)
			sec->path = arena_array(a, SECTION_PATH_MAX, sizeof *sec->path);
		sec->path[sec->npath++] = (uint32_t)n;
		if (cur_peek(c) == ']' || cur_end(c))
			return 1;
		if (!cur_take(c, '.'))
			return E_SYNTAX;
	}
	return 0;
}

int section_parse(struct cur *c, struct arena *a, struct section *out)
{
	struct section sec = { .npath = 0 };
	size_t i;
	int r;

	if (cur_end(c) || cur_peek(c) == ']') {
		*out = sec;
		return 1;
	}
	r = parse_path(c, a, &sec);
	if (r < 0)
		return r;
	if (!r) {
		for (i = 0; i < ARRAY_LEN(texts) && !cur_iword(c, texts[i].word); i++)
			;
		if (i == ARRAY_LEN(texts))
			return E_SYNTAX;
		sec.text = texts[i].text;
		if (sec.text == SECTION_MIME && !sec.npath)
			return E_SYNTAX;
		if ((sec.text == SECTION_FIELDS || sec.text == SECTION_FIELDS_NOT) &&
			parse_fields(c, a, &sec) != 1)
			return E_SYNTAX;
	}
	*out = sec;
	return 1;
}

static void print_field(struct str name, struct buf *out)
{
	struct cur c = cur_of(name);
	size_t i;

	if (cur_span(&c, imap_class, IMAP_C_ASTRING).n == name.n) {
		buf_str(out, name);
		return;
	}
	buf_c(out, '"');
	for (i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_c(out, '\\');
		buf_c(out, name.p[i]);
	}
	buf_c(out, '"');
}

void section_print(const struct section *sec, struct buf *out)
{
	size_t i;

	for (i = 0; i < sec->npath; i++)
		buf_fmt(out, "%s%u", i ? "." : "", sec->path[i]);
	for (i = 0; sec->text && i < ARRAY_LEN(texts); i++)
		if (texts[i].text == sec->text) {
			buf_puts(out, sec->npath ? "." : "");
			buf_puts(out, texts[i].word);
		}
	for (i = 0; i < sec->nfields; i++) {
		buf_puts(out, i ? " " : " (");
		print_field(sec->field[i], out);
	}
	if (sec->nfields)
		buf_c(out, ')');
}

/* ["<" number "." nz-number ">"] */
static int parse_partial(struct cur *c, struct fetch_item *item)
{
	uint64_t at, n;

	if (!cur_take(c, '<'))
		return 0;
	if (cur_u64(c, UINT32_MAX, &at) != 1 || !cur_take(c, '.') || cur_u64(c, UINT32_MAX, &n) != 1 ||
		!n || !cur_take(c, '>'))
		return E_SYNTAX;
	item->partial = true;
	item->at = (uint32_t)at;
	item->n = (uint32_t)n;
	return 1;
}

/* "[" section "]" [partial] behind BODY or BODY.PEEK */
static int parse_section_item(struct cur *c, struct arena *a, struct fetch_item *item)
{
	struct buf b;

	item->kind = FETCH_SECTION;
	if (!cur_take(c, '[') || section_parse(c, a, &item->section) != 1 || !cur_take(c, ']') ||
		parse_partial(c, item) < 0)
		return E_SYNTAX;
	buf_init(&b, 1 << 20);
	buf_puts(&b, "BODY[");
	section_print(&item->section, &b);
	buf_c(&b, ']');
	if (item->partial)
		buf_fmt(&b, "<%u>", item->at);
	item->name = arena_str(a, buf_view(&b));
	buf_done(&b);
	return 1;
}

static int parse_item(struct cur *c, struct arena *a, struct fetch_item *item)
{
	static const struct {
		const char *word;
		enum fetch_kind kind;
		enum section_text text;
		bool peek;
	} known[] = {
		{ "FLAGS", FETCH_FLAGS }, { "UID", FETCH_UID }, { "INTERNALDATE", FETCH_INTERNALDATE },
		{ "RFC822.SIZE", FETCH_SIZE }, { "ENVELOPE", FETCH_ENVELOPE },
		{ "BODYSTRUCTURE", FETCH_BODYSTRUCTURE }, { "BODY", FETCH_BODY }, { "MODSEQ", FETCH_MODSEQ },
		{ "RFC822", FETCH_SECTION, SECTION_ALL },
		{ "RFC822.HEADER", FETCH_SECTION, SECTION_HEADER, true },
		{ "RFC822.TEXT", FETCH_SECTION, SECTION_TEXT },
	};
	struct str word = cur_span(c, imap_class, IMAP_C_WORD);
	size_t i;

	memset(item, 0, sizeof *item);
	if (cur_peek(c) == '[') {
		item->peek = str_ieqc(word, "BODY.PEEK");
		return item->peek || str_ieqc(word, "BODY") ? parse_section_item(c, a, item) : E_SYNTAX;
	}
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieqc(word, known[i].word)) {
			item->kind = known[i].kind;
			item->section.text = known[i].text;
			item->peek = known[i].peek;
			item->name = str_of(known[i].word);
			return 1;
		}
	return E_SYNTAX;
}

static int parse_macro(struct cur *c, struct fetch_item *item, size_t *n_out)
{
	static const struct fetch_item all[] = {
		{ .kind = FETCH_FLAGS, .name = { "FLAGS", 5 } },
		{ .kind = FETCH_INTERNALDATE, .name = { "INTERNALDATE", 12 } },
		{ .kind = FETCH_SIZE, .name = { "RFC822.SIZE", 11 } },
		{ .kind = FETCH_ENVELOPE, .name = { "ENVELOPE", 8 } },
		{ .kind = FETCH_BODY, .name = { "BODY", 4 } },
	};
	struct cur w = *c;
	struct str word = cur_span(&w, imap_class, IMAP_C_WORD);
	size_t n = str_ieqc(word, "FAST") ? 3 : str_ieqc(word, "ALL") ? 4 : str_ieqc(word, "FULL") ? 5 : 0;

	if (!n)
		return 0;
	memcpy(item, all, n * sizeof *item);
	*n_out = n;
	*c = w;
	return 1;
}

int fetch_parse(struct cur *c, struct arena *a, struct fetch_item **out, size_t *n_out)
{
	struct fetch_item *item = arena_array(a, FETCH_ITEMS_MAX + 1, sizeof *item);
	size_t n = 0;
	bool list;

	*out = item;
	if (parse_macro(c, item, n_out))
		return 1;
	list = cur_take(c, '(');
	do {
		if (n == FETCH_ITEMS_MAX)
			return E_LIMIT;
		if (parse_item(c, a, &item[n]) != 1)
			return E_SYNTAX;
		n++;
	} while (list && cur_take(c, ' '));
	*n_out = n;
	return !list || cur_take(c, ')') ? 1 : E_SYNTAX;
}
