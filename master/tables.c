/* SPDX-License-Identifier: ISC
 *
 * tables.c: the files that [smtp] access_file and rewrite_file name, as one table for authd.
 *
 * master reads them; a child without any right parses them and writes the table into memory
 * that is sealed then: what a mistake in the parser could do, it could do there alone.
 *
 * A file with a mistake (s->rules_why) never means fewer rules. A reload is refused, and so is a change of what has to do
 * with the files; a change of anything else counts, with the table of before. A start takes the last files that were
 * good, of which each start and reload keeps a copy in STATE/settings, and is refused if there is none.
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "base/proc.h"

#define COMPILE_MS 60000 /* many times what the largest one takes */
#define ERRORS_MAX 8192
#define COPY_ACCESS ".access" /* with a dot: backups have the files themselves */
#define COPY_REWRITE ".rewrite"

static void read_table(struct conf *c, const char *config, const char *key, struct str name, struct buf *out,
	struct buf *errors)
{
	const char *path = settings_path(&c->arena, config, name);
	int fd, r;

	if (name.n == 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : file_read_all(fd, out);
	fd_close(&fd);
	if (r == E_LIMIT)
		buf_fmt(errors, "%s: [smtp] %s: %s: is larger than [smtp] table_size\n", config, key, path);
	else if (r < 0)
		buf_fmt(errors, "%s: [smtp] %s: %s: %s\n", config, key, path, err_text(r));
}

static NORETURN void compile_child(const struct auth_rule_files *f, int memory, int out)
{
	struct buf table, errors;

	if (proc_drop_rights() < 0)
		_exit(1);
	buf_init(&table, SIZE_MAX / 4);
	buf_init(&errors, ERRORS_MAX);
	if (auth_rules_compile(f, &table, &errors) < 0) {
		file_write_all(out, errors.p, errors.n);
		_exit(1);
	}
	_exit(file_write_all(memory, table.p, table.n) < 0 ? 1 : 0);
}

/* The table's descriptor, or -1 after an error. */
static int compile(const struct auth_rule_files *f, const char *config, struct buf *errors)
{
	int memory = memfd_create("rules", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipe_out = -1, status;
	struct buf why;
	pid_t pid = memory < 0 ? -1 : proc_piped(&pipe_out);

	if (pid == 0)
		compile_child(f, memory, pipe_out);
	buf_init(&why, ERRORS_MAX);
	status = proc_collect(pid, pipe_out, COMPILE_MS, &why);
	if (status == 0 && fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		status = -1;
	if (status != 0) {
		if (why.n)
			buf_str(errors, buf_view(&why));
		else
			buf_fmt(errors, "%s: [smtp] access_file and rewrite_file cannot be read now\n", config);
		fd_close(&memory);
	}
	buf_done(&why);
	return memory;
}

/* Clients are asked for a certificate: rules may be about it. */
static bool about_certificates(const struct conf *c)
{
	return c->smtp_ask_certificate != CONF_ASK_AUTO || c->smtp_relay_certificates.n > 0;
}

/* Both files as one table: s->rules, or what is wrong in s->rules_why. */
static void compile_both(struct settings *s, const char *config)
{
	struct conf *c = s->conf;
	struct auth_rule_files f = { .access = buf_view(&s->access), .rewrite = buf_view(&s->rewrite),
		.access_name = settings_path(&c->arena, config, c->smtp_access_file),
		.rewrite_name = settings_path(&c->arena, config, c->smtp_rewrite_file), .max = (size_t)c->smtp_table_rules,
		.certificates = about_certificates(c) };

	s->rules = compile(&f, config, &s->rules_why);
}

void settings_load_rules(struct settings *s, const char *config)
{
	struct conf *c = s->conf;

	buf_init(&s->access, c->smtp_table_size);
	buf_init(&s->rewrite, c->smtp_table_size);
	buf_init(&s->rules_why, ERRORS_MAX);
	if (c->smtp_access_file.n == 0 && c->smtp_rewrite_file.n == 0)
		return;
	read_table(c, config, "access_file", c->smtp_access_file, &s->access, &s->rules_why);
	read_table(c, config, "rewrite_file", c->smtp_rewrite_file, &s->rewrite, &s->rules_why);
	if (s->rules_why.n == 0)
		compile_both(s, config);
}

/* --- rules of before -------------------------------------------------------------------- */

bool settings_rules_alike(const struct conf *a, const struct conf *b)
{
	return str_eq(a->smtp_access_file, b->smtp_access_file) && str_eq(a->smtp_rewrite_file, b->smtp_rewrite_file) &&
		a->smtp_table_size == b->smtp_table_size && a->smtp_table_rules == b->smtp_table_rules &&
		about_certificates(a) == about_certificates(b);
}

int settings_rules_of(struct settings *s, const struct settings *before)
{
	if (before->rules < 0)
		return 0;
	s->rules = fcntl(before->rules, F_DUPFD_CLOEXEC, 3);
	return s->rules < 0 ? -errno : 0;
}

static void save(int dir, const char *name, const struct buf *text)
{
	struct buf before;
	int r = 0;

	buf_init(&before, text->n);
	if (text->n == 0)
		r = file_unlink(dir, name);
	else if (file_load(dir, name, &before) < 0 || !str_eq(buf_view(&before), buf_view(text)))
		r = file_replace(dir, name, buf_view(text), 0600);
	buf_done(&before);
	if (r < 0)
		trace_event(TRACE_ERROR, "rules-copy", NULL, "the copy of the rules cannot be written: %s", err_text(r));
}

void settings_rules_save(const struct settings *s, int dir)
{
	if (s->rules_why.n > 0)
		return;
	save(dir, COPY_ACCESS, &s->access);
	save(dir, COPY_REWRITE, &s->rewrite);
}

int settings_rules_last(struct settings *s, const char *config, int dir)
{
	struct buf access = s->access, rewrite = s->rewrite, why = s->rules_why;
	int r, q;

	buf_init(&s->access, s->conf->smtp_table_size);
	buf_init(&s->rewrite, s->conf->smtp_table_size);
	buf_init(&s->rules_why, ERRORS_MAX);
	r = s->conf->smtp_access_file.n ? file_load(dir, COPY_ACCESS, &s->access) : 0;
	q = s->conf->smtp_rewrite_file.n ? file_load(dir, COPY_REWRITE, &s->rewrite) : 0;
	/* one of the two may have been empty; without both there was nothing that was good */
	if ((r < 0 && r != -ENOENT) || (q < 0 && q != -ENOENT) || s->access.n + s->rewrite.n == 0)
		r = E_NOTFOUND;
	else
		compile_both(s, config);
	buf_done(&s->access);
	buf_done(&s->rewrite);
	buf_done(&s->rules_why);
	s->access = access; /* the files, for a backup */
	s->rewrite = rewrite;
	s->rules_why = why;
	return s->rules < 0 ? E_NOTFOUND : 0;
}
