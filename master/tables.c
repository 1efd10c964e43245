/* SPDX-License-Identifier: ISC
 *
 * tables.c: the files that [smtp] access_file and rewrite_file name, as one table for authd.
 *
 * master reads them; a child without any right parses them and writes the table into memory
 * that is sealed then: what a mistake in the parser could do, it could do there alone. A file
 * with a mistake is a mistake of the settings: nothing of them comes into force, and the
 * table before stays.
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

static void read_table(struct conf *c, const char *config, const char *key, struct str name, struct buf *out,
	const char **path_out, struct buf *errors)
{
	int fd, r;

	*path_out = settings_path(&c->arena, config, name);
	if (name.n == 0)
		return;
	fd = open(*path_out, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = fd < 0 ? -errno : file_read_all(fd, out);
	fd_close(&fd);
	if (r == E_LIMIT)
		buf_fmt(errors, "%s: [smtp] %s: %s: is larger than [smtp] table_size\n", config, key, *path_out);
	else if (r < 0)
		buf_fmt(errors, "%s: [smtp] %s: %s: %s\n", config, key, *path_out, err_text(r));
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

void settings_load_rules(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;
	struct auth_rule_files f = { .max = (size_t)c->smtp_table_rules,
		.certificates = c->smtp_ask_certificate != CONF_ASK_AUTO || c->smtp_relay_certificates.n > 0 };
	size_t before = errors->n;

	buf_init(&s->access, c->smtp_table_size);
	buf_init(&s->rewrite, c->smtp_table_size);
	if (c->smtp_access_file.n == 0 && c->smtp_rewrite_file.n == 0)
		return;
	read_table(c, config, "access_file", c->smtp_access_file, &s->access, &f.access_name, errors);
	read_table(c, config, "rewrite_file", c->smtp_rewrite_file, &s->rewrite, &f.rewrite_name, errors);
	f.access = buf_view(&s->access);
	f.rewrite = buf_view(&s->rewrite);
	if (errors->n == before)
		s->rules = compile(&f, config, errors);
}
