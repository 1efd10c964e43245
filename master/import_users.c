/* SPDX-License-Identifier: ISC
 *
 * import_users.c: the command's part of `mansio import users FILE`: it reads the file, as who runs it may, and sends
 * it to authd in parts, each a question of its own with the number of lines before it; the rows of all parts are
 * one answer. A part ends with a line that the next one does not continue. The first lines go along with each
 * part (`head`): by them authd tells the format.
 */
#include "master/import_users.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"

#define FILE_MAX (64 << 20)
#define PART_BYTES (24 << 10) /* a byte takes up to three in a message */
#define HEAD_BYTES (8 << 10)

static int read_all(const char *path, struct buf *out)
{
	int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (r == 0 && n > 0) {
		char *p = buf_room(out, 1 << 16);

		if (!p) {
			r = E_LIMIT;
			break;
		}
		n = read(fd, p, 1 << 16);
		if (n < 0)
			r = -errno;
		else
			buf_grew(out, (size_t)n);
	}
	close(fd);
	return r;
}

/* So many bytes of text that lines, and what continues them, stay whole; AUTH_IMPORT_LINES of them at most. A line longer
 * than a part is cut, and broken anyway. */
static size_t part_end(struct str text)
{
	size_t i, n = 0, end = 0;

	for (i = 0; i < MIN(text.n, (size_t)PART_BYTES) && n < AUTH_IMPORT_LINES; i++)
		if (text.p[i] == '\n' && (i + 1 == text.n || (text.p[i + 1] != ' ' && text.p[i + 1] != '\t'))) {
			end = i + 1;
			n++;
		}
	if (text.n <= PART_BYTES && n < AUTH_IMPORT_LINES)
		return text.n;
	return end ? end : PART_BYTES;
}

static uint64_t lines(struct str s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* The first line that is not empty or a comment, and some behind it. */
static struct str head_of(struct str text)
{
	struct str rest = text, line;

	while (rest.n > 0) {
		struct str at = rest;

		line = str_trim(str_cut(&rest, '\n'));
		if (line.n > 0 && line.p[0] != '#')
			return str_sub(at, 0, HEAD_BYTES);
	}
	return STR("");
}

static void ask(const char *state, const struct verb *v, const struct ipc_msg *question, struct str part, struct str head,
	uint64_t before, struct answer *all)
{
	struct answer one = { 0 };
	struct ipc_msg m;
	size_t i;

	ipc_init(&m, "control");
	for (i = 0; i < question->nfields; i++)
		ipc_set(&m, arena_cstr(&m.arena, question->field[i].name), question->field[i].value);
	ipc_set_u64(&m, "line", before);
	ipc_set(&m, "head", head);
	ipc_set(&m, "text", part);
	client_ask(state, v, &m, &one);
	for (i = 0; i < one.n; i++)
		answer_add(all, &one.row[i]);
	if (one.code)
		answer_fail(all, one.code, "%s", one.error);
	ipc_done(&m);
	answer_done(&one);
}

static size_t results(const struct answer *a, const char *word)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += str_eqc(ipc_get(&a->row[i], "result"), word);
	return n;
}

void import_users(const char *state, const struct verb *v, const struct ipc_msg *question, struct answer *out)
{
	struct str path = ipc_get(question, "path"), rest;
	uint64_t before = 0;
	char name[4096];
	struct buf text;
	size_t n, bad;
	int r;

	snprintf(name, sizeof(name), "%.*s", STRF(path));
	buf_init(&text, FILE_MAX);
	r = read_all(name, &text);
	if (r < 0)
		answer_fail(out, EX_NOINPUT, "%s: %s", name, err_text(r));
	rest = buf_view(&text);
	while (r == 0 && rest.n > 0 && out->code == 0) {
		n = part_end(rest);
		ask(state, v, question, str_sub(rest, 0, n), head_of(buf_view(&text)), before, out);
		before += lines(str_sub(rest, 0, n));
		rest = str_from(rest, n);
	}
	bad = results(out, "bad");
	if (out->code == 0 && bad)
		answer_fail(out, EX_DATAERR, "lines that could not be taken: %zu", bad);
	if (out->code == 0)
		snprintf(out->note, sizeof(out->note), "%zu new, %zu changed, %zu were here, %zu skipped", results(out, "new"),
			results(out, "changed"), results(out, "exists"), results(out, "skipped"));
	buf_wipe(&text);
}
