/* SPDX-License-Identifier: ISC
 *
 * output.c: an answer for people (a table, or name: value lines) or as JSON.
 *
 * Values come from other processes and hold text of strangers (folder names,
 * user names): for people nothing in them reaches the terminal unescaped.
 */
#include "master/client.h"

#include <time.h>

#include "conf/value.h"
#include "trace/trace.h"

/* The last message's own fields; in other rows they are columns. */
static bool hidden(const struct ipc_msg *row, struct str name)
{
	return ipc_get_bool(row, "done") && (str_eqc(name, "done") || str_eqc(name, "code") || str_eqc(name, "error"));
}

/* --- for people ------------------------------------------------------------ */

static void human_size(uint64_t n, struct buf *out)
{
	static const char unit[] = "kMGTP";
	double v = (double)n;
	int i = -1;

	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	if (i < 0)
		buf_u64(out, n);
	else
		buf_fmt(out, v < 10 ? "%.1f%c" : "%.0f%c", v, unit[i]);
}

static void human_age(uint64_t s, struct buf *out)
{
	if (s < 120)
		buf_fmt(out, "%llus", (unsigned long long)s);
	else if (s < 7200)
		buf_fmt(out, "%llum", (unsigned long long)(s / 60));
	else if (s < 172800)
		buf_fmt(out, "%lluh", (unsigned long long)(s / 3600));
	else
		buf_fmt(out, "%llud", (unsigned long long)(s / 86400));
}

static void human_time(uint64_t s, struct buf *out)
{
	time_t t = (time_t)s;
	char text[32];
	struct tm tm;

	if (s == 0) {
		buf_puts(out, "never");
		return;
	}
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_puts(out, text);
}

static void cell(struct str name, struct str value, struct buf *out)
{
	enum verb_kind kind = verb_kind(name);
	struct buf safe;
	struct str s;
	uint64_t n;
	size_t i;

	if (kind > KIND_NUMBER && str_u64(value, INT64_MAX, &n) == 0) {
		if (kind == KIND_SIZE)
			human_size(n, out);
		else if (kind == KIND_AGE)
			human_age(n, out);
		else
			human_time(n, out);
		return;
	}
	buf_init(&safe, 4096);
	trace_escape(value, &safe);
	s = buf_view(&safe);
	if (s.n >= 2 && s.p[0] == '"')
		s = str_sub(s, 1, s.n - 1);
	/* columns need no quotes: a backslash and a quote stand for themselves */
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '\\' || s.p[i + 1] == '"'))
			i++;
		buf_c(out, s.p[i]);
	}
	buf_done(&safe);
}

static void human_fields(const struct ipc_msg *row)
{
	struct buf value;
	size_t i;

	for (i = 0; i < row->nfields; i++) {
		if (hidden(row, row->field[i].name))
			continue;
		buf_init(&value, 1 << 16);
		cell(row->field[i].name, row->field[i].value, &value);
		printf("%.*s: %s\n", STRF(row->field[i].name), buf_cstr(&value));
		buf_done(&value);
	}
}

#define COLUMNS_MAX 32

/* Characters, not bytes: what the terminal shows, near enough. */
static int width(struct str s)
{
	int n = 0;
	size_t i;

	for (i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static int cell_width(struct str name, struct str value)
{
	struct buf b;
	int w;

	buf_init(&b, 1 << 16);
	cell(name, value, &b);
	w = width(buf_view(&b));
	buf_done(&b);
	return w;
}

static void pad(struct buf *line, int n)
{
	while (n-- > 0)
		buf_c(line, ' ');
}

static void add_cell(struct buf *line, struct str text, int w, bool right)
{
	int fill = w - width(text);

	if (line->n)
		buf_puts(line, "  ");
	if (right)
		pad(line, fill);
	buf_str(line, text);
	if (!right)
		pad(line, fill);
}

static void print_line(struct buf *line)
{
	while (line->n && line->p[line->n - 1] == ' ')
		buf_cut(line, line->n - 1);
	printf("%s\n", buf_cstr(line));
	buf_reset(line);
}

/* Columns are the fields of the first row. */
static void human_table(const struct answer *a)
{
	const struct ipc_msg *first = &a->row[0];
	size_t col[COLUMNS_MAX], ncol = 0, i, r;
	int w[COLUMNS_MAX];
	struct buf b, line;

	for (i = 0; i < first->nfields && ncol < COLUMNS_MAX; i++)
		if (!hidden(first, first->field[i].name))
			col[ncol++] = i;
	for (i = 0; i < ncol; i++) {
		struct str name = first->field[col[i]].name;
		char cname[80];

		snprintf(cname, sizeof(cname), "%.*s", STRF(name));
		w[i] = width(name);
		for (r = 0; r < a->n; r++)
			w[i] = MAX(w[i], cell_width(name, ipc_get(&a->row[r], cname)));
	}
	buf_init(&b, 1 << 16);
	buf_init(&line, 1 << 20);
	for (i = 0; i < ncol; i++)
		add_cell(&line, first->field[col[i]].name, w[i], verb_kind(first->field[col[i]].name) != KIND_TEXT);
	print_line(&line);
	for (r = 0; r < a->n; r++) {
		for (i = 0; i < ncol; i++) {
			struct str name = first->field[col[i]].name;
			char cname[80];

			snprintf(cname, sizeof(cname), "%.*s", STRF(name));
			buf_reset(&b);
			cell(name, ipc_get(&a->row[r], cname), &b);
			add_cell(&line, buf_view(&b), w[i], verb_kind(name) != KIND_TEXT);
		}
		print_line(&line);
	}
	buf_done(&line);
	buf_done(&b);
}

/* --- JSON (RFC 8259) ---------------------------------------------------------- */

static void json_string(struct str s)
{
	bool utf8 = str_is_utf8(s);
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i, len;
	uint32_t cp;

	putchar('"');
	for (i = 0; i < s.n; i += len) {
		len = utf8 ? str_char(p + i, s.n - i, &cp) : 1;
		if (!utf8)
			cp = p[i];
		if (cp == '"' || cp == '\\')
			printf("\\%c", (int)cp);
		else if ((str_deceives(cp) && cp < 0x10000) || (cp >= 0x80 && !utf8))
			printf("\\u%04x", cp);
		else
			printf("%.*s", (int)len, (const char *)p + i);
	}
	putchar('"');
}

static void json_field(const struct ipc_field *f, const char *comma)
{
	uint64_t n;

	fputs(comma, stdout);
	json_string(f->name);
	putchar(':');
	if (verb_kind(f->name) != KIND_TEXT && str_u64(f->value, INT64_MAX, &n) == 0)
		printf("%llu", (unsigned long long)n);
	else
		json_string(f->value);
}

/* A field that comes more than once (targets of an alias) is an array. */
static bool json_repeated(const struct ipc_msg *row, size_t i, const char *comma)
{
	size_t k, n = 0;

	for (k = 0; k < i; k++)
		if (str_eq(row->field[k].name, row->field[i].name))
			return true; /* was printed with the first */
	for (k = i; k < row->nfields; k++)
		n += str_eq(row->field[k].name, row->field[i].name);
	if (n < 2)
		return false;
	fputs(comma, stdout);
	json_string(row->field[i].name);
	fputs(":[", stdout);
	for (k = i, n = 0; k < row->nfields; k++) {
		if (!str_eq(row->field[k].name, row->field[i].name))
			continue;
		if (n++)
			putchar(',');
		json_string(row->field[k].value);
	}
	putchar(']');
	return true;
}

static void json_row(const struct ipc_msg *row)
{
	const char *comma = "";
	size_t i;

	putchar('{');
	for (i = 0; i < row->nfields; i++) {
		if (hidden(row, row->field[i].name))
			continue;
		if (!json_repeated(row, i, comma))
			json_field(&row->field[i], comma);
		comma = ",";
	}
	putchar('}');
}

static void json(const struct verb *v, const struct answer *a)
{
	size_t i;

	if (a->error[0] || a->code) {
		printf("{\"error\":");
		json_string(str_of(a->error));
		printf(",\"code\":%d", a->code);
		if (a->n > 0) {
			printf(",\"rows\":[");
			for (i = 0; i < a->n; i++) {
				fputs(i ? "," : "", stdout);
				json_row(&a->row[i]);
			}
			putchar(']');
		}
		puts("}");
		return;
	}
	if (v->shape == SHAPE_NONE || v->shape == SHAPE_ONE) {
		if (a->n > 0)
			json_row(&a->row[0]);
		else
			fputs("{}", stdout);
		putchar('\n');
		return;
	}
	putchar('[');
	for (i = 0; i < a->n; i++) {
		fputs(i ? ",\n " : "", stdout);
		json_row(&a->row[i]);
	}
	puts("]");
}

/* A stream's columns cannot know how wide they will be: as their names, and what is usual. */
static int stream_width(struct str name)
{
	if (str_eqc(name, "time"))
		return 19;
	return str_eqc(name, "text") || str_eqc(name, "words") ? 0 : MAX(width(name), 7);
}

bool output_row(const struct ipc_msg *row, bool first, bool as_json)
{
	struct buf line, b;
	size_t i;

	if (as_json) {
		json_row(row);
		putchar('\n');
		return fflush(stdout) == 0;
	}
	buf_init(&line, 1 << 20);
	buf_init(&b, 1 << 16);
	for (i = 0; first && i < row->nfields; i++)
		add_cell(&line, row->field[i].name, stream_width(row->field[i].name),
			verb_kind(row->field[i].name) != KIND_TEXT);
	if (first)
		print_line(&line);
	for (i = 0; i < row->nfields; i++) {
		buf_reset(&b);
		cell(row->field[i].name, row->field[i].value, &b);
		add_cell(&line, buf_view(&b), stream_width(row->field[i].name),
			verb_kind(row->field[i].name) != KIND_TEXT);
	}
	print_line(&line);
	buf_done(&line);
	buf_done(&b);
	return fflush(stdout) == 0;
}

/* Text of our own making, line by line; what is in a line may still be a stranger's. */
static void human_text(struct str text)
{
	struct buf safe;

	while (text.n > 0) {
		buf_init(&safe, 8192);
		cell(STR("text"), str_cut(&text, '\n'), &safe);
		puts(buf_cstr(&safe));
		buf_done(&safe);
	}
}

int output(const struct verb *v, const struct answer *a, bool as_json)
{
	struct str rest = str_of(a->error), line;
	size_t i;

	if (a->quiet) {
		/* it is all there already */
	} else if (as_json) {
		json(v, a);
	} else if (a->n > 0 && (v->shape == SHAPE_ROWS || v->shape == SHAPE_SOME)) {
		human_table(a);
	} else if (v->shape == SHAPE_TEXT) {
		for (i = 0; i < a->n; i++)
			human_text(ipc_get(&a->row[i], "text"));
	} else {
		for (i = 0; i < a->n; i++)
			human_fields(&a->row[i]);
	}
	fflush(stdout);
	if (a->code == 0 && a->note[0])
		fprintf(stderr, "mansio: %s\n", a->note);
	while (rest.n > 0) {
		struct buf safe;

		/* lines of errors stay lines */
		line = str_cut(&rest, '\n');
		buf_init(&safe, 8192);
		cell(STR("error"), line, &safe);
		fprintf(stderr, "mansio: %s\n", buf_cstr(&safe));
		buf_done(&safe);
	}
	return ferror(stdout) ? 74 /* EX_IOERR */ : a->code;
}
