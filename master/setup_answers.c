/* SPDX-License-Identifier: ISC
 *
 * setup_answers.c: the three questions. An answer comes from --answers, else from
 * the terminal (a file or pipe as standard input will do), with a guess that Enter or
 * --yes takes: what was answered before, what the settings say, what the host's name
 * tells. A bad answer is told why and asked for again; from a file it ends the setup.
 */
#include "master/setup.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/edit.h"
#include "mail/address.h"

#define FILE_MAX 65536
#define MEMORY "setup"

/* --- the three ----------------------------------------------------------------------------------- */

/* What a question is about; check: NULL and *value in its best form, or why it is no good. */
enum { ADDRESS, HOSTNAME, ELSEWHERE };
struct question {
	const char *key, *text;
	const char *(*check)(struct setup *s, struct str *value);
};

static const char *check_address(struct setup *s, struct str *value)
{
	struct address addr;
	struct str local, domain;

	if (address_parse_all(*value, &s->a, &addr) < 0 || addr.literal || !addr.domain.n ||
	    address_normal(&addr, &s->a, &local, &domain) < 0)
		return "That is not a mail address, like anna@example.org.";
	if (str_find(domain, '.') < 0)
		return "Its domain needs a dot: a domain that others can write to, like example.org.";
	return NULL;
}

static const char *check_hostname(struct setup *s, struct str *value)
{
	if (!value->n || value->n > 253 || domain_normal(*value, &s->a, value) < 0 || str_find(*value, '.') < 0 ||
	    (value->p[value->n - 1] >= '0' && value->p[value->n - 1] <= '9'))
		return "That is not a full host name, like mail.example.org.";
	return NULL;
}

static const char *check_elsewhere(struct setup *s, struct str *value)
{
	(void)s;
	if (str_ieqc(*value, "y") || str_ieqc(*value, "yes"))
		*value = STR("yes");
	else if (str_ieqc(*value, "n") || str_ieqc(*value, "no"))
		*value = STR("no");
	else
		return "Please say yes or no.";
	return NULL;
}

static const struct question questions[] = {
	[ADDRESS] = { "address", "Your mail address:", check_address },
	[HOSTNAME] = { "hostname", "The name of this host for other mail servers:", check_hostname },
	[ELSEWHERE] = { "elsewhere", "Does mail for your domain run on another server today?", check_elsewhere },
};

/* --- files of KEY = VALUE lines ------------------------------------------------------------ */

static int known(struct str name)
{
	static const char *const word[] = { "address", "hostname", "elsewhere", "name", "done" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(word); i++)
		if (str_eqc(name, word[i]))
			return 1;
	return conf_key_named(name) != NULL;
}

/* 0, or the number of the first bad line. */
static unsigned read_pairs(struct setup *s, struct str text, struct pairs *out)
{
	struct str rest = text, line, name;
	unsigned n = 0;

	while (rest.p) {
		line = str_trim(str_cut(&rest, '\n'));
		n++;
		if (!line.n || line.p[0] == '#')
			continue;
		name = str_trim(str_cut(&line, '='));
		if (!line.p || !known(name) || str_has_ctl(line) || out->n == PAIRS_MAX)
			return n;
		pairs_set(s, out, name, str_trim(line));
	}
	return 0;
}

/* All at once, before the first step. */
static int check_answers(struct setup *s, const char *path)
{
	const char *why;
	struct str value;
	size_t i;

	for (i = 0; i < ARRAY_LEN(questions); i++) {
		value = pairs_get(&s->answers, questions[i].key);
		why = value.p ? questions[i].check(s, &value) : NULL;
		if (why)
			return setup_fail(EX_DATAERR, arena_fmt(&s->a, "%s: %s = %.*s: %s", path, questions[i].key, STRF(value), why), "");
	}
	return 0;
}

int answers_load(struct setup *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char why[300];
	struct buf text;
	unsigned bad;
	int r;

	if (!f) {
		snprintf(why, sizeof(why), "%s: %s.", path, err_text(-errno));
		return setup_fail(EX_NOINPUT, why, "");
	}
	buf_init(&text, FILE_MAX);
	r = file_read_all(fileno(f), &text);
	fclose(f);
	bad = r < 0 ? 1 : read_pairs(s, buf_view(&text), &s->answers);
	buf_done(&text);
	if (!bad)
		return check_answers(s, path);
	snprintf(why, sizeof(why), "%s:%u: not KEY = VALUE with a known key.", path, bad);
	return setup_fail(EX_DATAERR, why, "Keys: address, hostname, elsewhere (yes or no), name, and settings as SECTION.KEY.");
}

static int open_state(struct setup *s)
{
	int fd;

	if (mkdir(s->state, 0711) == 0 && chmod(s->state, 0711) < 0)
		return -errno;
	fd = open(s->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int state_failed(struct setup *s, int err)
{
	return setup_fail(EX_CANTCREAT, arena_fmt(&s->a, "%s: %s.", s->state, err_text(err)),
		"Another folder: [server] state in the settings.");
}

int memory_load(struct setup *s)
{
	int fd = open_state(s), r;
	struct buf text;

	if (fd < 0)
		return state_failed(s, fd);
	buf_init(&text, FILE_MAX);
	r = file_load(fd, MEMORY, &text);
	close(fd);
	/* a damaged memory is none: every step looks for itself */
	if (r == 0 && read_pairs(s, buf_view(&text), &s->memory))
		s->memory.n = 0;
	buf_done(&text);
	return 0;
}

int memory_save(struct setup *s)
{
	int fd = open_state(s), r;
	struct buf text;
	size_t i;

	if (fd < 0)
		return state_failed(s, fd);
	buf_init(&text, FILE_MAX);
	buf_puts(&text, "# What 'mansio setup' was told and wrote, so that it can go on; mail is not in here\n");
	for (i = 0; i < s->memory.n; i++)
		buf_fmt(&text, "%.*s = %.*s\n", STRF(s->memory.v[i].name), STRF(s->memory.v[i].value));
	r = text.err ? text.err : file_replace(fd, MEMORY, buf_view(&text), 0600);
	close(fd);
	buf_done(&text);
	return r < 0 ? state_failed(s, r) : 0;
}

/* --- a question -------------------------------------------------------------------------------- */

static bool read_answer(struct setup *s, struct str *out)
{
	char line[1024];

	if (!fgets(line, sizeof(line), stdin))
		return false;
	*out = arena_str(&s->a, str_trim(str_of(line)));
	return true;
}

static int given(struct setup *s, const struct question *q, struct str value, struct str *out)
{
	const char *why = q->check(s, &value);

	if (why)
		return setup_fail(EX_DATAERR, arena_fmt(&s->a, "%s = %.*s: %s", q->key, STRF(value), why), "");
	*out = value;
	pairs_set(s, &s->memory, str_of(q->key), value);
	return 0;
}

/* guess: NULL if there is none. */
static int ask(struct setup *s, const struct question *q, const char *guess, struct str *out)
{
	struct str value = pairs_get(&s->answers, q->key), best = str_of(guess);
	const char *why;

	if (value.p)
		return given(s, q, value, out);
	if (best.n && q->check(s, &best))
		best = STR_NONE;
	if (s->yes && best.n) {
		printf("%s %.*s\n", q->text, STRF(best));
		return given(s, q, best, out);
	}
	for (;;) {
		printf("%s%s%.*s%s ", q->text, best.n ? " [" : "", STRF(best), best.n ? "]" : "");
		fflush(stdout);
		if (s->yes || !read_answer(s, &value)) {
			putchar('\n');
			return setup_fail(EX_TEMPFAIL, "no answer.",
				arena_fmt(&s->a, "Run 'mansio setup' again: it goes on from here. Or a file: --answers FILE with '%s = ...'.", q->key));
		}
		if (!value.n)
			value = best;
		why = q->check(s, &value);
		if (!why)
			return given(s, q, value, out);
		printf("  %s\n", why);
	}
}

/* --- guesses ------------------------------------------------------------------------------------- */

/* The host's own idea of its full name; NULL if it has none with a dot. */
static const char *system_name(struct setup *s)
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME }, *res = NULL;
	char name[256] = "";
	struct str found;

	if (gethostname(name, sizeof(name) - 1) < 0)
		return NULL;
	found = str_of(name);
	if (str_find(found, '.') < 0 && getaddrinfo(name, NULL, &hints, &res) == 0 && res->ai_canonname)
		found = str_of(res->ai_canonname);
	found = arena_str(&s->a, found);
	if (res)
		freeaddrinfo(res);
	return str_find(found, '.') > 0 && !str_starts(found, "localhost") ? found.p : NULL;
}

/* A remembered answer before what is worked out. */
static const char *remembered(struct setup *s, const char *key, const char *guess)
{
	struct str value = pairs_get(&s->memory, key);

	return value.n ? arena_cstr(&s->a, value) : guess;
}

int ask_address(struct setup *s)
{
	const char *host = system_name(s), *dot = host ? strchr(host, '.') : NULL;
	/* mail.example.org: example.org; example.org itself stays */
	const char *guess = !dot ? NULL : arena_fmt(&s->a, "postmaster@%s", strchr(dot + 1, '.') ? dot + 1 : host);
	int code = ask(s, &questions[ADDRESS], remembered(s, "address", guess), &s->address);

	if (!code)
		s->domain = str_from(s->address, (size_t)str_rfind(s->address, '@') + 1);
	return code;
}

int ask_hostname(struct setup *s)
{
	const char *set = settings_value(s, "server.hostname"), *own = system_name(s);

	if (!set[0])
		set = own ? own : arena_fmt(&s->a, "mail.%.*s", STRF(s->domain));
	return ask(s, &questions[HOSTNAME], remembered(s, "hostname", set), &s->hostname);
}

int ask_elsewhere(struct setup *s)
{
	const char *guess = "no";
	struct str value;
	size_t i;
	int code;

	for (i = 0; i < s->checks.n; i++)
		if (str_eqc(ipc_get(&s->checks.row[i], "check"), "mx") && str_search(ipc_get(&s->checks.row[i], "words"), STR(" today")) >= 0)
			guess = "yes";
	code = ask(s, &questions[ELSEWHERE], remembered(s, "elsewhere", guess), &value);
	s->elsewhere = !code && str_eqc(value, "yes");
	return code;
}
