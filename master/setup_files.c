/* SPDX-License-Identifier: ISC
 *
 * setup_files.c: the settings. A value is written where the file sets none, or
 * where it still is what an earlier setup wrote; what somebody else wrote stays, and is
 * told. The file is replaced as a whole, after the suite's own check of it.
 */
#include "master/setup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/edit.h"
#include "master/master.h"

#define FILE_MAX (1 << 20)

static int read_config(struct setup *s, struct buf *out)
{
	FILE *f = fopen(s->config, "re");
	int r;

	buf_init(out, FILE_MAX);
	if (!f && errno == ENOENT) {
		buf_puts(out, "# Settings of Mansio, written by 'mansio setup'; mansio.conf(5) has all of them\n");
		return 0;
	}
	if (!f)
		return -errno;
	r = file_read_all(fileno(f), out);
	fclose(f);
	return r;
}

static const char *value_in(struct setup *s, struct str text, const struct conf_key *k)
{
	struct conf *c;
	struct buf b;
	const char *value = "";

	if (conf_parse(text, s->config, NULL, &c) < 0)
		return "";
	buf_init(&b, 65536);
	if (conf_value(c, k->section, k->name, &b) == 0)
		value = arena_cstr(&s->a, buf_view(&b));
	buf_done(&b);
	conf_free(c);
	return value;
}

const char *settings_value(struct setup *s, const char *full)
{
	const struct conf_key *k = conf_key_named(str_of(full));
	const char *value = "";
	struct buf text;

	if (k && read_config(s, &text) == 0)
		value = value_in(s, buf_view(&text), k);
	if (k)
		buf_done(&text);
	return value;
}

/* With those above it; what fails shows when the file is made. */
static void make_folders(char *path)
{
	char *p;

	for (p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) == 0)
			(void)chmod(path, 0755);
		*p = '/';
	}
	if (mkdir(path, 0755) == 0)
		(void)chmod(path, 0755);
}

/* Replaced at once, or not at all: the new text is checked as the suite will read it. */
static int replace(struct setup *s, struct str text)
{
	char *dir = arena_cstr(&s->a, str_of(s->config)), *slash = strrchr(dir, '/');
	struct conf *c;
	struct buf errors;
	int fd, r;

	buf_init(&errors, 32768);
	r = conf_parse(text, s->config, &errors, &c);
	if (r < 0) {
		errors.err = 0;
		fputs(buf_cstr(&errors), stderr);
		buf_done(&errors);
		return setup_fail(EX_CONFIG, "the settings would be wrong; the file was left as it is.", "Mend these, then run it again.");
	}
	buf_done(&errors);
	conf_free(c);
	*slash = '\0';
	make_folders(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : file_replace(fd, slash + 1, text, 0644);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return setup_fail(EX_CANTCREAT, arena_fmt(&s->a, "%s: %s.", s->config, err_text(r)), "");
	s->changed = true;
	return 0;
}

int settings_want(struct setup *s, const char *full, struct str value)
{
	const struct conf_key *k = conf_key_named(str_of(full));
	struct str ours = pairs_get(&s->memory, full), asked = pairs_get(&s->answers, full);
	const char *have;
	struct buf text, next;
	int r = read_config(s, &text), code = 0;

	if (r < 0)
		return setup_fail(EX_NOINPUT, arena_fmt(&s->a, "%s: %s.", s->config, err_text(r)), "");
	if (asked.p) /* said in --answers: that is what is wanted */
		value = asked;
	have = value_in(s, buf_view(&text), k);
	buf_init(&next, FILE_MAX);
	if (conf_edit_line(buf_view(&text), k->section, k->name) && str_eqc(value, have)) {
		/* is so */
	} else if (conf_edit_line(buf_view(&text), k->section, k->name) && !(ours.p && str_eqc(ours, have))) {
		printf("  %s keeps %s = %s (wanted: %.*s)\n", s->config, full, have, STRF(value));
	} else if (conf_edit_set(buf_view(&text), k->section, k->name, value, &next) < 0 || next.err) {
		code = setup_fail(EX_DATAERR, arena_fmt(&s->a, "%s: '%.*s' cannot stand in the settings.", full, STRF(value)), "");
	} else {
		code = replace(s, buf_view(&next));
		if (!code)
			pairs_set(s, &s->memory, str_of(full), value);
	}
	buf_done(&next);
	buf_done(&text);
	return code;
}

int settings_write(struct setup *s)
{
	int code = settings_want(s, "server.hostname", s->hostname);
	size_t i;

	if (!code)
		code = settings_want(s, "smtp.origin", s->domain);
	/* a folder that --state named must be the one that the service will use */
	if (!code && s->state_given && strcmp(settings_value(s, "server.state"), s->state) != 0)
		code = settings_want(s, "server.state", str_of(s->state));
	if (!code && access("/run/systemd/journal/socket", W_OK) == 0)
		code = settings_want(s, "log.to", STR("journald"));
	if (!code)
		code = settings_want(s, "send.direct", STR("yes"));
	if (!code)
		code = settings_want(s, "dkim.new_domains", STR("yes"));
	for (i = 0; !code && i < s->answers.n; i++)
		if (conf_key_named(s->answers.v[i].name))
			code = settings_want(s, arena_cstr(&s->a, s->answers.v[i].name), s->answers.v[i].value);
	return code;
}
