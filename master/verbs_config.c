/* SPDX-License-Identifier: ISC
 *
 * verbs_config.c: the settings by command and page: config list, set, unset, diff, history, undo.
 *
 * The settings file stays the admin's: a change edits one line in it and leaves the rest as it
 * is (conf/edit.h). What is always true:
 *   1. The file is replaced only by a text that the whole check has passed, certificates
 *      and other files included: nothing is written that a start would refuse, but for files of rules (tables.c)
 *      that went bad by themselves.
 *   2. A file that was edited by hand and not reloaded yet is not touched.
 *   3. The text before a change lies in the history (history.c) before the file changes.
 *   4. Who asks from outside (field `asker`) cannot set what names files, programs, ports
 *      or users (conf_host_only): an administrator of the page is not root.
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/edit.h"
#include "conf/program.h"
#include "conf/value.h"

#define VALUE_MAX (64 * 1024)

/* --- reading --------------------------------------------------------------- */

static bool contains(const char *text, struct str match)
{
	struct str s = str_of(text);
	size_t i;

	for (i = 0; i + match.n <= s.n; i++)
		if (str_ieq(str_sub(s, i, i + match.n), match))
			return true;
	return false;
}

static const char *limits_text(const struct conf_key *k, struct buf *out)
{
	buf_reset(out);
	if (k->lo != 0 || k->hi != 0) {
		conf_limit_print(k, k->lo, out);
		buf_puts(out, "..");
		conf_limit_print(k, k->hi, out);
	}
	return buf_cstr(out);
}

static const char *value_text(const struct conf *c, const struct conf_key *k, struct buf *out)
{
	buf_reset(out);
	conf_value_print(k, conf_field_of(c, k), out);
	return buf_cstr(out);
}

static void list_row(struct master *m, const struct conf_key *k, const struct ipc_msg *in, int reply)
{
	static const char *const type[] = { [CONF_BOOL] = "bool", [CONF_INT] = "number", [CONF_SIZE] = "size",
		[CONF_TIME] = "time", [CONF_STRING] = "text", [CONF_LIST] = "list", [CONF_ENUM] = "word" };
	unsigned line = conf_edit_line(buf_view(&m->set->file), k->section, k->name);
	struct ipc_msg row;
	struct arena *a;
	struct buf text;

	buf_init(&text, VALUE_MAX);
	ipc_init(&row, "result");
	a = &row.arena;
	ipc_setc(&row, "key", arena_fmt(a, "%s.%s", k->section, k->name));
	ipc_setc(&row, "value", value_text(m->set->conf, k, &text));
	ipc_setc(&row, "source", line ? arena_fmt(a, "%s:%u", m->config, line) : "default");
	ipc_setc(&row, "default", k->dflt);
	ipc_setc(&row, "type", type[k->type]);
	ipc_setc(&row, "limits", limits_text(k, &text));
	ipc_setc(&row, "words", k->words);
	ipc_setc(&row, "when", k->when == CONF_RESTART ? "restart" : "reload");
	ipc_setc(&row, "editable", conf_host_only(k) && ipc_get(in, "asker").n ? "no" : "yes");
	ipc_setc(&row, "text", k->text);
	program_result(reply, &row);
	ipc_done(&row);
	buf_done(&text);
}

static int list(struct master *m, const struct ipc_msg *in, int reply)
{
	struct str match = ipc_get(in, "match");
	bool changed = str_eqc(ipc_get(in, "changed"), "yes");
	char full[128];
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		snprintf(full, sizeof(full), "%s.%s", k->section, k->name);
		if (changed && !conf_edit_line(buf_view(&m->set->file), k->section, k->name))
			continue;
		if (match.n && !contains(full, match) && !contains(k->text, match))
			continue;
		list_row(m, k, in, reply);
	}
	return EX_OK;
}

/* --- the file ---------------------------------------------------------------- */

/* The folder of the settings file, the file's name in it, and the file's text and owner. */
static int open_file(struct master *m, const char **leaf_out, struct buf *text, struct stat *st)
{
	const char *slash = strrchr(m->config, '/');
	struct arena a;
	int dir, fd, r;

	arena_init(&a);
	*leaf_out = slash ? slash + 1 : m->config;
	dir = open(slash ? arena_fmt(&a, "%.*s/", (int)(slash - m->config), m->config) : ".",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_done(&a);
	if (dir < 0)
		return -errno;
	fd = file_open(dir, *leaf_out, O_RDONLY | O_NONBLOCK, 0);
	r = fd < 0 ? fd : fstat(fd, st) < 0 ? -errno : file_read_all(fd, text);
	fd_close(&fd);
	if (r < 0) {
		close(dir);
		return r;
	}
	return dir;
}

/* What stands in the file against what is in force, one row for each setting. */
static int diff(struct master *m, int reply, struct buf *why)
{
	struct settings *next;
	struct buf x, y;
	size_t i;

	if (settings_load(m->config, m->state_option, RULES_APART, &next, why) < 0)
		return EX_CONFIG;
	buf_init(&x, VALUE_MAX);
	buf_init(&y, VALUE_MAX);
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];
		struct ipc_msg row;

		if (strcmp(value_text(m->set->conf, k, &x), value_text(next->conf, k, &y)) == 0)
			continue;
		ipc_init(&row, "result");
		ipc_setc(&row, "key", arena_fmt(&row.arena, "%s.%s", k->section, k->name));
		ipc_setc(&row, "value", buf_cstr(&x));
		ipc_setc(&row, "file", buf_cstr(&y));
		ipc_setc(&row, "needs", k->when == CONF_RESTART ? "restart" : "reload");
		program_result(reply, &row);
		ipc_done(&row);
	}
	buf_done(&x);
	buf_done(&y);
	settings_free(next);
	return EX_OK;
}

/* --- changing ------------------------------------------------------------------- */

struct edit {
	struct master *m;
	struct change c;
	struct buf before, after; /* the file's text */
	struct stat st;
	int dir;
	const char *leaf;
};

static int begin(struct edit *e, struct master *m, const struct ipc_msg *in, const char *verb, struct buf *why)
{
	*e = (struct edit){ .m = m, .dir = -1 };
	e->c.who = ipc_get(in, "asker").n ? ipc_get(in, "asker") : STR("this host");
	e->c.verb = str_of(verb);
	e->c.time = (uint64_t)clock_unix();
	buf_init(&e->before, VALUE_MAX);
	buf_init(&e->after, VALUE_MAX);
	e->dir = open_file(m, &e->leaf, &e->before, &e->st);
	if (e->dir < 0) {
		buf_fmt(why, "%s: %s", m->config, e->dir == -ELOOP ? "is a symbolic link: edit the file that it names" :
			err_text(e->dir));
		return EX_NOINPUT;
	}
	if (!str_eq(buf_view(&e->before), buf_view(&m->set->file))) {
		buf_fmt(why, "%s was edited since it was last read: 'mansio config diff' shows what is new in it, "
			"'mansio reload' makes it count; then try again", m->config);
		return EX_TEMPFAIL;
	}
	e->c.text = buf_view(&e->before);
	return EX_OK;
}

static void end(struct edit *e)
{
	fd_close(&e->dir);
	buf_done(&e->before);
	buf_done(&e->after);
}

/* The new text is checked as a start would check it. Files of rules that were broken before, and are not what is changed,
 * hold nobody up: the rules stay as they are. */
static int try_text(struct edit *e, struct buf *why)
{
	struct settings *next;

	if (e->after.err < 0) {
		buf_puts(why, "the settings file would be too large");
		return EX_DATAERR;
	}
	if (settings_load_text(e->m->config, buf_view(&e->after), e->m->state_option, RULES_APART, &next, why) < 0)
		return EX_DATAERR;
	if (!settings_rules_alike(e->m->set->conf, next->conf))
		buf_str(why, buf_view(&next->rules_why));
	settings_free(next);
	return why->n ? EX_DATAERR : EX_OK;
}

/* Nobody else wrote it while we checked. */
static bool unchanged(const struct edit *e)
{
	struct stat now;

	return fstatat(e->dir, e->leaf, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == e->st.st_ino &&
		now.st_size == e->st.st_size && now.st_mtim.tv_sec == e->st.st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == e->st.st_mtim.tv_nsec;
}

static int commit(struct edit *e, struct ipc_msg *last, struct buf *why)
{
	struct master *m = e->m;
	struct buf restart, kept;
	int r = try_text(e, why);

	if (r)
		return r;
	r = history_add(m->dir_settings, &e->c, (size_t)m->set->conf->server_settings_history);
	if (r == 0 && !unchanged(e)) {
		buf_fmt(why, "%s was edited at this moment: look, and try again", m->config);
		return EX_TEMPFAIL;
	}
	if (r == 0)
		r = file_replace_like(e->dir, e->leaf, buf_view(&e->after), &e->st);
	if (r < 0) {
		buf_fmt(why, "%s: %s", m->config, err_text(r));
		return EX_CANTCREAT;
	}
	buf_init(&restart, 8192);
	buf_init(&kept, 8192);
	r = run_reload(m, why, &restart, &kept);
	if (r == 0) {
		ipc_set_u64(last, "id", e->c.id);
		ipc_set(last, "key", e->c.key);
		ipc_set(last, "from", e->c.from);
		ipc_set(last, "to", e->c.to);
		ipc_set(last, "needs_restart", buf_view(&restart));
		if (kept.n)
			ipc_set(last, "rules_kept", str_trim(buf_view(&kept)));
	}
	buf_done(&restart);
	buf_done(&kept);
	return r < 0 ? EX_CONFIG : EX_OK;
}

static const struct conf_key *allowed_key(const struct ipc_msg *in, struct buf *why, int *code_out)
{
	struct str name = ipc_get(in, "key");
	const struct conf_key *k = conf_key_named(name);

	if (!k) {
		buf_puts(why, "there is no such setting; 'mansio config list' shows all");
		*code_out = EX_NOUSER;
		return NULL;
	}
	if (conf_host_only(k) && ipc_get(in, "asker").n) {
		buf_fmt(why, "%s.%s can only be set on the host itself: 'mansio config set %s.%s VALUE', or in the file",
			k->section, k->name, k->section, k->name);
		*code_out = EX_NOPERM;
		return NULL;
	}
	return k;
}

/* Before and after, as the history and the answer show them. */
static void say_values(struct edit *e, const struct conf_key *k, const char *to, struct arena *a)
{
	struct buf text;

	buf_init(&text, VALUE_MAX);
	e->c.key = str_of(arena_fmt(a, "%s.%s", k->section, k->name));
	e->c.from = arena_str(a, str_of(value_text(e->m->set->conf, k, &text)));
	e->c.to = arena_str(a, str_of(to));
	buf_done(&text);
}

static int set(struct master *m, const char *verb, const struct ipc_msg *in, struct ipc_msg *last, struct buf *why)
{
	int code = EX_OK;
	const struct conf_key *k = allowed_key(in, why, &code);
	bool unset = strcmp(verb, "unset") == 0;
	struct arena a;
	struct edit e;
	char *value;

	if (!k)
		return code;
	arena_init(&a);
	value = arena_cstr(&a, ipc_get(in, "value"));
	code = begin(&e, m, in, verb, why);
	if (code == EX_OK) {
		say_values(&e, k, unset ? k->dflt : value, &a);
		if (unset && conf_edit_unset(e.c.text, k->section, k->name, &e.after) < 0) {
			buf_fmt(why, "%s.%s is not set: its default counts already", k->section, k->name);
			code = EX_DATAERR;
		} else if (!unset && conf_edit_set(e.c.text, k->section, k->name, str_of(value), &e.after) < 0) {
			buf_puts(why, "a value is one line without control characters");
			code = EX_DATAERR;
		}
	}
	if (code == EX_OK)
		code = commit(&e, last, why);
	end(&e);
	arena_done(&a);
	return code;
}

/* From outside: it must not bring back another value of what only this host may set. The file
 * is compared, for what waits for a restart is in it, but not in force. */
static bool undo_allowed(struct master *m, struct str text, struct buf *why)
{
	struct conf *now = NULL, *then = NULL;
	struct buf x, y;
	bool good;
	size_t i;

	buf_init(&x, VALUE_MAX);
	buf_init(&y, VALUE_MAX);
	good = conf_parse(buf_view(&m->set->file), m->config, why, &now) == 0 && conf_parse(text, m->config, why, &then) == 0;
	for (i = 0; i < conf_nkeys && good; i++) {
		const struct conf_key *k = &conf_keys[i];

		good = !conf_host_only(k) || strcmp(value_text(now, k, &x), value_text(then, k, &y)) == 0;
		if (!good)
			buf_fmt(why, "this would change %s.%s, which can only be set on the host itself", k->section, k->name);
	}
	buf_done(&x);
	buf_done(&y);
	conf_free(now);
	conf_free(then);
	return good;
}

#define LAST_CHANGES 5

/* Which change could be meant: the last ones, the newest first. */
static void say_last(struct master *m, struct buf *why)
{
	struct change c;
	struct arena a;
	uint64_t *id;
	size_t n, i;

	arena_init(&a);
	n = history_ids(m->dir_settings, &a, &id);
	buf_puts(why, n ? "which change? 'mansio config undo ID' puts the file back as it was before it:" :
		"there is no change that could be undone");
	for (i = 0; i < LAST_CHANGES && i < n; i++)
		if (history_load(m->dir_settings, id[n - 1 - i], &a, &c) == 0)
			buf_fmt(why, "\n  %llu  %.*s %.*s: %.*s -> %.*s", (unsigned long long)c.id, STRF(c.verb), STRF(c.key),
				STRF(str_sub(c.from, 0, 100)), STRF(str_sub(c.to, 0, 100)));
	if (n > LAST_CHANGES)
		buf_puts(why, "\n  ... 'mansio config history' lists all");
	arena_done(&a);
}

static int undo(struct master *m, const struct ipc_msg *in, struct ipc_msg *last, struct buf *why)
{
	struct change old;
	struct arena a;
	struct edit e;
	uint64_t id = 0;
	int code;

	arena_init(&a);
	if (ipc_get(in, "id").n == 0) {
		say_last(m, why);
		arena_done(&a);
		return EX_USAGE;
	}
	if (str_u64(ipc_get(in, "id"), UINT32_MAX, &id) < 0 || history_load(m->dir_settings, id, &a, &old) < 0) {
		buf_puts(why, "there is no such change; 'mansio config history' lists those that are kept");
		arena_done(&a);
		return EX_NOUSER;
	}
	if (ipc_get(in, "asker").n && !undo_allowed(m, old.text, why)) {
		arena_done(&a);
		return EX_NOPERM;
	}
	code = begin(&e, m, in, "undo", why);
	if (code == EX_OK) {
		e.c.key = str_of(arena_fmt(&a, "change %llu", (unsigned long long)id));
		e.c.from = old.to;
		e.c.to = old.from;
		buf_str(&e.after, old.text);
		code = commit(&e, last, why);
	}
	end(&e);
	arena_done(&a);
	return code;
}

static int history(struct master *m, int reply)
{
	struct arena a;
	uint64_t *id;
	size_t n;

	arena_init(&a);
	n = history_ids(m->dir_settings, &a, &id);
	while (n > 0) {
		struct ipc_msg row;
		struct change c;

		if (history_load(m->dir_settings, id[--n], &a, &c) < 0)
			continue;
		ipc_init(&row, "result");
		ipc_set_u64(&row, "id", c.id);
		ipc_set_u64(&row, "time", c.time);
		ipc_set(&row, "who", c.who);
		ipc_set(&row, "verb", c.verb);
		ipc_set(&row, "key", c.key);
		ipc_set(&row, "from", c.from);
		ipc_set(&row, "to", c.to);
		program_result(reply, &row);
		ipc_done(&row);
	}
	arena_done(&a);
	return EX_OK;
}

int config_verb(struct master *m, const char *verb, const struct ipc_msg *in, int reply, struct ipc_msg *last,
	struct buf *why)
{
	if (strcmp(verb, "list") == 0)
		return list(m, in, reply);
	if (strcmp(verb, "diff") == 0)
		return diff(m, reply, why);
	if (strcmp(verb, "history") == 0)
		return history(m, reply);
	if (strcmp(verb, "undo") == 0)
		return undo(m, in, last, why);
	return set(m, verb, in, last, why);
}
