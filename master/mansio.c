/* SPDX-License-Identifier: ISC
 *
 * mansio.c: the command: options, the verb, and the verbs that need no running
 * suite. All others are one message to the control socket (client.c).
 */
#include "master/client.h"

#include <stdarg.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/edit.h"
#include "master/import_users.h"
#include "master/master.h"
#include "master/setup.h"

struct options {
	struct where where;
	bool json, help;
	char unknown[600]; /* why nobody knows which settings file is meant; empty: it is known */
};

/* --- verbs of the command itself --------------------------------------------------- */

static void print_buf(struct buf *b)
{
	fwrite(b->p, 1, b->n, stdout);
	buf_done(b);
}

static void config_check(const struct options *o, struct answer *out)
{
	const char *path = where_config(&o->where);
	struct conf_idle idle;
	struct settings *s;
	struct buf errors;
	size_t i;

	buf_init(&errors, sizeof(out->error) - 1);
	if (settings_load(path, o->where.state, RULES_TOO, &s, &errors) < 0) {
		errors.err = 0;
		answer_fail(out, EX_CONFIG, "%s", buf_cstr(&errors));
	} else {
		if (s->ncerts == 0 && (s->conf->listen_submissions.n || s->conf->listen_imaps.n ||
		    s->conf->listen_pop3s.n))
			fprintf(stderr, "mansio: %s: without a certificate in [tls] neither submissions, imaps and "
				"pop3s nor STARTTLS are served\n", path);
		for (i = 0; conf_idle(s->conf, i, &idle); i++)
			fprintf(stderr, "mansio: %s:%u: [%s] %s does nothing: %s\n", path,
				conf_edit_line(buf_view(&s->file), idle.section, idle.name), idle.section, idle.name, idle.words);
		if (!o->json)
			printf("%s: good\n", path);
		settings_free(s);
	}
	buf_done(&errors);
}

static void show_one(const struct conf *c, const struct conf_key *k, struct answer *out)
{
	struct ipc_msg row;
	struct buf value;
	char name[80];

	buf_init(&value, 1 << 16);
	snprintf(name, sizeof(name), "%s.%s", k->section, k->name);
	conf_value(c, k->section, k->name, &value);
	ipc_init(&row, "result");
	ipc_set(&row, name, buf_view(&value));
	answer_add(out, &row);
	buf_done(&value);
}

/* All values as one row for JSON. */
static void show_json(const struct conf *c, bool changed, struct answer *out)
{
	struct ipc_msg row;
	struct buf value;
	char name[80];
	size_t i;

	ipc_init(&row, "result");
	for (i = 0; i < conf_nkeys; i++) {
		if (changed && !conf_is_set(c, i))
			continue;
		buf_init(&value, 1 << 16);
		conf_value(c, conf_keys[i].section, conf_keys[i].name, &value);
		snprintf(name, sizeof(name), "%s.%s", conf_keys[i].section, conf_keys[i].name);
		ipc_set(&row, name, buf_view(&value));
		buf_done(&value);
	}
	answer_add(out, &row);
}

static void show_key(const struct conf *c, const struct options *o, struct str key, struct answer *out)
{
	struct str name = key, section = str_cut(&name, '.');
	struct buf value;
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		if (!str_eqc(section, conf_keys[i].section) || !str_eqc(name, conf_keys[i].name))
			continue;
		if (o->json) {
			show_one(c, &conf_keys[i], out);
			return;
		}
		buf_init(&value, 1 << 16);
		conf_value(c, conf_keys[i].section, conf_keys[i].name, &value);
		buf_c(&value, '\n');
		print_buf(&value);
		return;
	}
	answer_fail(out, EX_USAGE, "there is no setting '%.*s'; a key is written SECTION.KEY", STRF(key));
}

static void config_show(const struct options *o, const struct ipc_msg *m, struct answer *out)
{
	bool changed = str_eqc(ipc_get(m, "changed"), "yes");
	struct str key = ipc_get(m, "key");
	struct conf *c;
	struct buf text;

	buf_init(&text, sizeof(out->error) - 1);
	if (where_conf(&o->where, &c, &text) < 0) {
		text.err = 0;
		answer_fail(out, EX_CONFIG, "%s", buf_cstr(&text));
		buf_done(&text);
		return;
	}
	buf_done(&text);
	if (key.p) {
		show_key(c, o, key, out);
	} else if (o->json) {
		show_json(c, changed, out);
	} else {
		buf_init(&text, 1 << 20);
		conf_print(c, changed, &text);
		print_buf(&text);
	}
	conf_free(c);
}

static void help(const struct ipc_msg *m, struct answer *out)
{
	struct str first = ipc_get_nth(m, "topic", 0), second = ipc_get_nth(m, "topic", 1);
	const char *a = first.p ? arena_cstr((struct arena *)(uintptr_t)&m->arena, first) : NULL;
	const char *b = second.p ? arena_cstr((struct arena *)(uintptr_t)&m->arena, second) : NULL;
	const struct verb *v;
	struct buf text;
	size_t words;

	buf_init(&text, 1 << 20);
	if (str_eqc(ipc_get(m, "roff"), "yes"))
		help_manual(&text);
	else if (ipc_get(m, "completion").p && help_completion(ipc_get(m, "completion"), &text) < 0)
		answer_fail(out, EX_USAGE, "completion: one of bash zsh fish");
	else if (ipc_get(m, "completion").p)
		;
	else if (!a)
		help_noun(NULL, &text);
	else if ((v = verb_find(a, b, &words)))
		help_verb(v, &text);
	else if (verb_noun_known(a) && !b)
		help_noun(a, &text);
	else
		answer_fail(out, EX_USAGE, "there is no verb '%s%s%s'; 'mansio help' lists all", a, b ? " " : "",
			b ? b : "");
	print_buf(&text);
}

static void version(struct answer *out)
{
	struct ipc_msg row;

	ipc_init(&row, "result");
	ipc_setc(&row, "version", PACKAGE_VERSION);
	answer_add(out, &row);
}

static void local_verb(const struct verb *v, const struct options *o, const struct ipc_msg *m,
	struct answer *out)
{
	bool reads = strcmp(v->noun, "config") == 0 && (strcmp(v->name, "check") == 0 || strcmp(v->name, "show") == 0);
	struct buf text;

	if (reads && o->unknown[0]) {
		answer_fail(out, EX_CONFIG, "%s", o->unknown);
	} else if (strcmp(v->noun, "config") != 0) {
		if (strcmp(v->name, "help") == 0)
			help(m, out);
		else
			version(out);
	} else if (strcmp(v->name, "check") == 0) {
		config_check(o, out);
	} else if (strcmp(v->name, "show") == 0) {
		config_show(o, m, out);
	} else {
		buf_init(&text, 1 << 20);
		if (strcmp(v->name, "sample") == 0)
			conf_sample(&text);
		else
			conf_manual(&text);
		print_buf(&text);
	}
}

/* --- the command line ----------------------------------------------------------------- */

static NORETURN void usage(const char *fmt, ...) PRINTF(1, 2);
static NORETURN void usage(const char *fmt, ...)
{
	va_list ap;

	fputs("mansio: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EX_USAGE);
}

/* Takes --json, --state, --config, --help and --version out of argv, wherever
 * they stand before "--". */
static void take_options(int *argc, char **argv, struct options *o)
{
	int i, n = 1;
	bool more = true;

	for (i = 1; i < *argc; i++) {
		char *w = argv[i];
		const char **to = NULL, *value = NULL;

		if (more && strcmp(w, "--") == 0)
			more = false;
		if (more && strcmp(w, "--json") == 0) {
			o->json = true;
			continue;
		}
		if (more && (strcmp(w, "--help") == 0 || strcmp(w, "-h") == 0)) {
			o->help = true;
			continue;
		}
		if (more && n == 1 && strcmp(w, "--version") == 0)
			w = (char *)(uintptr_t) "version";
		if (more && strncmp(w, "--state", 7) == 0 && (w[7] == '=' || !w[7])) {
			to = &o->where.state;
			value = w[7] ? w + 8 : NULL;
		} else if (more && strncmp(w, "--config", 8) == 0 && (w[8] == '=' || !w[8])) {
			to = &o->where.config;
			value = w[8] ? w + 9 : NULL;
		}
		if (!to) {
			argv[n++] = w;
			continue;
		}
		if (!value && i + 1 < *argc)
			value = argv[++i];
		if (!value || !value[0])
			usage("%s needs a value", w);
		*to = value;
	}
	*argc = n;
	argv[n] = NULL;
}

/* Who asks a suite, or reads its file, means that of the state folder. 'run' and 'setup' say themselves which file they take,
 * 'backup restore --all' writes one. */
static void find_config(struct arena *a, struct options *o, const struct verb *v)
{
	struct buf why;

	if (v->owner == OWNER_HERE && strcmp(v->noun, "config") != 0)
		return;
	buf_init(&why, sizeof(o->unknown) - 1);
	where_find(a, &o->where, &why);
	why.err = 0;
	snprintf(o->unknown, sizeof(o->unknown), "%s", buf_cstr(&why));
	buf_done(&why);
}

static const struct verb *take_verb(int argc, char **argv, const struct options *o, size_t *words_out)
{
	const char *a = argc > 1 ? argv[1] : NULL, *b = argc > 2 ? argv[2] : NULL;
	const struct verb *v = a ? verb_find(a, b, words_out) : NULL;
	struct buf text;

	if (v && !o->help)
		return v;
	buf_init(&text, 1 << 20);
	if (v) {
		help_verb(v, &text);
	} else if (!a || (verb_noun_known(a) && (!b || o->help))) {
		help_noun(a, &text);
	} else if (a[0] == '-') {
		usage("unknown option %s; 'mansio help' lists all", a);
	} else {
		verb_nearest(a, b, &text);
		if (text.n)
			usage("there is no verb '%s%s%s': did you mean '%s'?", a, b ? " " : "", b ? b : "",
				buf_cstr(&text));
		usage("there is no verb '%s'; 'mansio help' lists all", a);
	}
	fwrite(text.p, 1, text.n, o->help ? stdout : stderr);
	exit(o->help ? 0 : EX_USAGE);
}

static void add_secret(struct ipc_msg *m, const char *name, struct answer *out)
{
	struct buf secret;
	int r = ask_secret("Password", &secret);

	if (r < 0) {
		answer_fail(out, EX_DATAERR, "%s: %s", name, r == -EINTR ? "given up" : r == E_LIMIT ?
			"too long" : isatty(STDIN_FILENO) ? "empty, or the two differ" :
			"none on standard input");
		return;
	}
	ipc_set(m, name, buf_view(&secret));
	buf_wipe(&secret);
}

static int setup_verb(struct arena *a, const struct options *o, const struct ipc_msg *m)
{
	struct str answers = ipc_get(m, "answers");

	return setup(&o->where, answers.p ? arena_cstr(a, answers) : NULL, str_eqc(ipc_get(m, "yes"), "yes"),
		str_eqc(ipc_get(m, "run"), "yes"));
}

static int run_verb(struct arena *a, const struct options *o, const struct ipc_msg *m)
{
	uint64_t fd = 0;
	bool has = ipc_get_u64(m, "ready_fd", 1 << 20, &fd) == 0;

	return run(where_absolute(a, where_config(&o->where)), where_absolute(a, o->where.state), has ? (int)fd : -1);
}

/* A whole host out of its backup is the work of a program of its own: nothing runs that could be
 * asked. It is beside us in a built tree or an installation, or where the build said. */
static NORETURN void rescue(struct arena *a, const struct options *o, const struct ipc_msg *m)
{
	static const char *const names[] = { "backup", "from", "state", "config" };
	char self[4096], *arg[ARRAY_LEN(names) + 2] = { (char *)(uintptr_t) "rescue" };
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t n = 1, i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct str v = ipc_get(m, names[i]);

		if (strcmp(names[i], "state") == 0 && !v.n && o->where.state)
			v = str_of(o->where.state);
		if (v.n)
			arg[n++] = arena_fmt(a, "%s=%.*s", names[i], STRF(v));
	}
	self[MAX(len, 0)] = '\0';
	if (strrchr(self, '/'))
		*strrchr(self, '/') = '\0';
	execv(arena_fmt(a, "%s/../libexec/mansio/rescue", self), arg);
	execv(arena_fmt(a, "%s/../libexec/rescue", self), arg);
	execv(PKGLIBEXECDIR "/rescue", arg);
	fprintf(stderr, "mansio: %s/rescue: %s\n", PKGLIBEXECDIR, err_text(-errno));
	exit(EX_UNAVAILABLE);
}

/* Without a suite that runs, the checks are done all the same: before it is set up, above all. */
static void ask_suite(struct arena *a, const struct options *o, const struct verb *v, struct ipc_msg *m, struct answer *out)
{
	const char *config = where_absolute(a, where_config(&o->where)), *state = where_absolute(a, where_state(a, &o->where));

	if (out->code)
		return;
	if (strcmp(v->noun, "import") == 0 && strcmp(v->name, "users") == 0)
		import_users(state, v, m, out);
	else
		client_ask(state, v, m, out);
	if (v->owner == OWNER_CHECKD && out->code == EX_UNAVAILABLE)
		alone_ask(config, state, m, out);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct answer answer = { 0 };
	const char *secret = NULL;
	const struct verb *v;
	struct arena a;
	struct ipc_msg m;
	struct buf why;
	size_t words = 0;
	int code;

	take_options(&argc, argv, &o);
	v = take_verb(argc, argv, &o, &words);
	arena_init(&a);
	find_config(&a, &o, v);
	ipc_init(&m, "control");
	buf_init(&why, 1024);
	if (verb_parse(v, argc - 1 - (int)words, argv + 1 + words, &m, &secret, &why) < 0) {
		buf_puts(&why, "\nusage: ");
		help_usage(v, &why);
		answer_fail(&answer, EX_USAGE, "%s", buf_cstr(&why));
	} else if (v->owner == OWNER_HERE && strcmp(v->name, "run") == 0) {
		return run_verb(&a, &o, &m);
	} else if (v->owner == OWNER_HERE && strcmp(v->name, "setup") == 0) {
		return setup_verb(&a, &o, &m);
	} else if (v->owner == OWNER_BACKUPD && str_eqc(ipc_get(&m, "all"), "yes")) {
		rescue(&a, &o, &m);
	} else if (v->owner == OWNER_HERE) {
		local_verb(v, &o, &m, &answer);
	} else {
		if (secret)
			add_secret(&m, secret, &answer);
		if (answer.code == 0 && v->shape == SHAPE_STREAM)
			client_follow(where_absolute(&a, where_state(&a, &o.where)), &m, output_row, o.json, &answer);
		else
			ask_suite(&a, &o, v, &m, &answer);
	}
	/* pages of text are their own output */
	if (v->owner == OWNER_HERE && v->shape == SHAPE_NONE && answer.code == 0 && !(o.json && v->noun[0] &&
	    strcmp(v->name, "check") == 0))
		code = fflush(stdout) == 0 ? 0 : EX_IOERR;
	else if (v->owner == OWNER_HERE && answer.code == 0 && answer.n == 0 && !o.json)
		code = fflush(stdout) == 0 ? 0 : EX_IOERR;
	else
		code = output(v, &answer, o.json);
	answer_done(&answer);
	buf_done(&why);
	ipc_done(&m);
	arena_done(&a);
	return code;
}
