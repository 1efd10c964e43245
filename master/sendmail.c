/* SPDX-License-Identifier: ISC
 *
 * sendmail.c: /usr/sbin/sendmail, mailq and newaliases, by which programs of the
 * host send mail: options as Postfix's sendmail(1) takes them. The name it was
 * called by, or -b, says what is to be done:
 *
 *   sendmail RECIPIENT ... < message     sends; exit 0: the message is durable
 *   sendmail -t < message                to whom the header says
 *   sendmail -bs, -bv RECIPIENT ...      SMTP on standard input and output; asks only
 *   mailq, sendmail -bp / newaliases, sendmail -bi / sendmail -q
 */
#include "master/sendmail.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "master/where.h"

/* With an argument those that have one; unknown ones are told. Not -b -f ... : accepted, without effect here. */
#define OPTIONS "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:q::r:tvx"

enum mode { MODE_SEND, MODE_SMTP, MODE_VERIFY, MODE_QUEUE, MODE_ALIASES, MODE_FLUSH };

struct call {
	enum mode mode;
	struct where where;
	const char *sender; /* -f */
	const char *import; /* newaliases --import[=FILE] */
};

static int usage(const char *what)
{
	fprintf(stderr, "sendmail: %s; sendmail(1) has the options\n", what);
	return EX_USAGE;
}

static int set_mode(struct call *c, char mode)
{
	switch (mode) {
	case 'm':
		c->mode = MODE_SEND;
		return 0;
	case 's':
		c->mode = MODE_SMTP;
		return 0;
	case 'v':
		c->mode = MODE_VERIFY;
		return 0;
	case 'p':
		c->mode = MODE_QUEUE;
		return 0;
	case 'i':
		c->mode = MODE_ALIASES;
		return 0;
	case 'd':
	case 'D':
	case 'l':
		return usage("-bd: the suite is started with 'systemctl start mansio' or 'mansio run'");
	default:
		return usage("-b wants m, s, v, p or i");
	}
}

/* "success,failure,delay" or "never" */
static bool notify_ok(const char *text)
{
	struct str rest = str_of(text), word;

	if (strcasecmp(text, "never") == 0)
		return true;
	while (rest.p) {
		word = str_cut(&rest, ',');
		if (!str_ieqc(word, "success") && !str_ieqc(word, "failure") && !str_ieqc(word, "delay"))
			return false;
	}
	return true;
}

static int option(struct call *c, struct letter *l, int o, const char *arg)
{
	switch (o) {
	case 'b':
		return set_mode(c, arg[0]);
	case 'C':
		c->where.config = arg;
		return 0;
	case 'f':
	case 'r':
		c->sender = arg;
		return 0;
	case 'F':
		l->name = arg;
		return 0;
	case 'i':
		l->ignore_dots = true;
		return 0;
	case 'o': /* -oi: the others are about how other mail servers work inside */
		l->ignore_dots |= strcmp(arg, "i") == 0;
		return 0;
	case 'I':
		c->mode = MODE_ALIASES;
		return 0;
	case 'q':
		c->mode = MODE_FLUSH;
		return 0;
	case 't':
		l->from_header = true;
		return 0;
	case 'N':
		l->notify = str_of(arg);
		return notify_ok(arg) ? 0 : usage("-N wants never, or some of success,failure,delay");
	case 'R':
		l->ret = strcasecmp(arg, "full") == 0 ? STR("FULL") : STR("HDRS");
		return strcasecmp(arg, "full") == 0 || strcasecmp(arg, "hdrs") == 0 ? 0 : usage("-R wants full or hdrs");
	case 'V':
		l->envid = str_of(arg);
		return l->envid.n <= 100 && !str_has_ctl(l->envid) ? 0 : usage("-V is an id of up to 100 characters");
	case '?':
		return EX_USAGE; /* told by getopt */
	default:
		return 0;
	}
}

/* The name and the full name of who asks. */
static void who(struct letter *l)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name = getenv("NAME");

	l->user = pw ? mem_strdup(pw->pw_name) : mem_strdup("nobody");
	if (!l->name && name && name[0])
		l->name = name;
	else if (!l->name && pw && pw->pw_gecos)
		l->name = arena_cstr(&l->a, str_make(pw->pw_gecos, strcspn(pw->pw_gecos, ",")));
}

/* [smtp] origin, /etc/mailname, the host's name */
static const char *origin(struct letter *l, const struct conf *conf)
{
	struct str line;
	struct buf text;
	FILE *f;

	if (conf->smtp_origin.n)
		return arena_cstr(&l->a, conf->smtp_origin);
	buf_init(&text, 4096);
	f = fopen("/etc/mailname", "re");
	if (f) {
		if (file_read_all(fileno(f), &text) < 0)
			buf_reset(&text);
		fclose(f);
	}
	line = buf_view(&text);
	line = str_trim(str_cut(&line, '\n'));
	if (!line.n || str_has_ctl(line))
		line = str_of(conf_hostname(conf));
	line = arena_str(&l->a, line);
	buf_done(&text);
	return line.p;
}

static int send_letter(struct call *c, struct letter *l, const struct conf *conf, char **rcpt, struct buf *why)
{
	const char *state = where_state(&l->a, &c->where);
	int code;

	if (letter_address(l, str_of(c->sender ? c->sender : l->user), &l->sender) < 0) {
		buf_fmt(why, "-f: '%s' is not an address", c->sender);
		return EX_USAGE;
	}
	for (; *rcpt; rcpt++)
		if (letter_add(l, str_of(*rcpt), why) < 0)
			return EX_DATAERR;
	if (c->mode == MODE_VERIFY)
		return talk_verify(l, conf, state, why);
	if (!l->nrcpt && !l->from_header) {
		buf_puts(why, "no recipient: name them, or -t takes those of the header");
		return EX_USAGE;
	}
	code = letter_read(l, conf, why);
	if (code == 0 && !l->nrcpt) {
		buf_puts(why, "no recipient in To, Cc or Bcc");
		code = EX_USAGE;
	}
	return code ? code : talk_send(l, conf, state, why);
}

static int run(struct call *c, struct letter *l, char **rcpt, struct buf *why)
{
	struct conf *conf;
	const char *state = where_state(&l->a, &c->where);
	struct where where = c->where;
	struct buf unknown;
	int code;

	buf_init(&unknown, 1024);
	if (where_find(&l->a, &where, &unknown) < 0)
		where = c->where; /* programs that send mail are not to hear of it: the defaults of this host will do */
	buf_done(&unknown);
	if (where_conf(&where, &conf, why) < 0)
		return EX_TEMPFAIL; /* a mistake in the file, which the administrator mends: what waits is not lost */
	l->origin = origin(l, conf);
	switch (c->mode) {
	case MODE_SMTP:
		code = talk_smtp(state, why);
		break;
	case MODE_QUEUE:
		code = mailq(state, why);
		break;
	case MODE_FLUSH:
		code = mailq_flush(state, why);
		break;
	case MODE_ALIASES:
		code = newaliases(state, l->origin, c->import, why);
		break;
	default:
		code = send_letter(c, l, conf, rcpt, why);
		break;
	}
	conf_free(conf);
	return code;
}

/* newaliases --import[=FILE]: taken out of argv, getopt(3) knows letters only */
static void take_import(struct call *c, char **argv)
{
	char **to = argv;

	for (; *argv; argv++) {
		if (strncmp(*argv, "--import", 8) == 0 && (!(*argv)[8] || (*argv)[8] == '='))
			c->import = (*argv)[8] ? *argv + 9 : "";
		else
			*to++ = *argv;
	}
	*to = NULL;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	struct call c = { 0 };
	struct letter l = { 0 };
	struct buf why;
	int o, code = 0;

	arena_init(&l.a);
	c.mode = strcmp(name, "mailq") == 0 ? MODE_QUEUE : strcmp(name, "newaliases") == 0 ? MODE_ALIASES : MODE_SEND;
	if (c.mode == MODE_ALIASES) {
		take_import(&c, argv);
		for (argc = 0; argv[argc]; argc++)
			;
	}
	while (code == 0 && (o = getopt(argc, argv, OPTIONS)) != -1)
		code = option(&c, &l, o, optarg ? optarg : "");
	if (code)
		return code;
	who(&l);
	buf_init(&why, 1 << 20);
	code = run(&c, &l, argv + optind, &why);
	if (fflush(stdout) != 0 && code == 0)
		code = EX_IOERR;
	if (why.n)
		fprintf(stderr, "%s: %s\n", name, buf_cstr(&why));
	buf_done(&why);
	buf_done(&l.head);
	buf_done(&l.body);
	arena_done(&l.a);
	return code;
}
