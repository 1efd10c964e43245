/* SPDX-License-Identifier: ISC
 *
 * help.c: pages of help and mansio(1), from the table of verbs.
 */
#include "master/cmdline.h"

static const char global_options[] =
	"  --json          the answer as JSON\n"
	"  --state DIR     the state folder of the suite (else $MANSIO_STATE, else of the settings)\n"
	"  --config FILE   the settings file\n"
	"  --help          explains the verb\n";

static void argument(const struct verb *v, const struct verb_arg *a, struct buf *out)
{
	const struct verb_arg_text *t = verb_arg_text(v, a->name);
	const char *place = t ? t->placeholder : "VALUE";

	switch (a->mark) {
	case '!':
		buf_fmt(out, " %s", place);
		break;
	case '+':
		buf_fmt(out, " %s...", place);
		break;
	case '?':
		buf_fmt(out, " [%s]", place);
		break;
	case '*':
		buf_fmt(out, " [%s...]", place);
		break;
	default:
		if (a->type == ARG_SECRET)
			break;
		if (a->type == ARG_FLAG)
			buf_fmt(out, " [--%.*s]", STRF(a->name));
		else
			buf_fmt(out, " [%.*s=%s]", STRF(a->name), place);
		break;
	}
}

void help_usage(const struct verb *v, struct buf *out)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i;

	buf_fmt(out, "mansio %s%s%s", v->noun, v->noun[0] ? " " : "", v->name);
	for (i = 0; i < n; i++)
		argument(v, &arg[i], out);
}

/* "user", "ADDRESS" or "name=TEXT": how the argument is called in its list. */
static void argument_label(const struct verb *v, const struct verb_arg *a, struct buf *out)
{
	const struct verb_arg_text *t = verb_arg_text(v, a->name);

	if (a->mark && a->mark != '^')
		buf_puts(out, t ? t->placeholder : "VALUE");
	else if (a->type == ARG_FLAG)
		buf_fmt(out, "--%.*s", STRF(a->name));
	else if (a->type == ARG_SECRET)
		buf_str(out, a->name);
	else
		buf_fmt(out, "%.*s=%s", STRF(a->name), t ? t->placeholder : "VALUE");
}

void help_verb(const struct verb *v, struct buf *out)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i;
	struct buf label;

	buf_puts(out, "usage: ");
	help_usage(v, out);
	buf_fmt(out, "\n\n%s\n", v->text);
	buf_init(&label, 256);
	for (i = 0; i < n; i++) {
		const struct verb_arg_text *t = verb_arg_text(v, arg[i].name);

		buf_reset(&label);
		argument_label(v, &arg[i], &label);
		buf_fmt(out, "%s  %-22s %s\n", i == 0 ? "\n" : "", buf_cstr(&label), t ? t->text : "");
	}
	buf_done(&label);
	buf_fmt(out, "\n%s", global_options);
}

void help_noun(const char *noun, struct buf *out)
{
	const char *last = NULL;
	char name[64];
	size_t i;

	buf_puts(out, "usage: mansio [options] VERB ... or mansio [options] NOUN VERB ...\n");
	for (i = 0; i < nverbs; i++) {
		const struct verb *v = &verbs[i];

		if (noun && strcmp(noun, v->noun) != 0)
			continue;
		if (!last || strcmp(last, v->noun) != 0)
			buf_c(out, '\n');
		last = v->noun;
		snprintf(name, sizeof(name), "%s%s%s", v->noun, v->noun[0] ? " " : "", v->name);
		buf_fmt(out, "  %-16s %s\n", name, v->text);
	}
	buf_fmt(out, "\n%s\n'mansio help NOUN VERB' explains one verb; mansio.conf(5) the settings.\n",
		global_options);
}

static void roff(struct buf *out, struct str text)
{
	size_t i;

	if (text.n && (text.p[0] == '.' || text.p[0] == '\''))
		buf_puts(out, "\\&");
	for (i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			buf_puts(out, "\\e");
		else if (text.p[i] == '-')
			buf_puts(out, "\\-");
		else
			buf_c(out, text.p[i]);
	}
}

static void manual_verb(const struct verb *v, struct buf *out)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i;
	struct buf line;

	buf_init(&line, 1024);
	help_usage(v, &line);
	buf_puts(out, ".TP\n.B ");
	roff(out, buf_view(&line));
	buf_c(out, '\n');
	roff(out, str_of(v->text));
	buf_c(out, '\n');
	for (i = 0; i < n; i++) {
		const struct verb_arg_text *t = verb_arg_text(v, arg[i].name);

		buf_reset(&line);
		argument_label(v, &arg[i], &line);
		buf_puts(out, ".br\n.I ");
		roff(out, buf_view(&line));
		buf_puts(out, "\n: ");
		roff(out, str_of(t ? t->text : ""));
		buf_puts(out, ".\n");
	}
	buf_done(&line);
}

void help_manual(struct buf *out)
{
	size_t i;

	buf_puts(out, ".\\\" Made by `mansio help --roff` from the table of verbs.\n"
		".TH MANSIO 1 \"\" \"Mansio\" \"User Commands\"\n"
		".SH NAME\nmansio \\- run and administer the mail suite Mansio\n"
		".SH SYNOPSIS\n.B mansio\n[\\fIoptions\\fR] [\\fInoun\\fR] \\fIverb\\fR [\\fIarguments\\fR]\n"
		".SH DESCRIPTION\n"
		".B mansio run\nis the suite itself; the other verbs talk to a running one over the socket\n"
		".I run/control\nin its state folder, which is open to root and to the suite's own user only.\n"
		".PP\nArguments are given by position, as\n.IR name = value ,\nor as\n.BI \\-\\-name= value .\n"
		"Passwords are asked for, or read as one line from standard input; never from the command line.\n"
		".SH OPTIONS\n"
		".TP\n.B \\-\\-json\nThe answer as JSON: an array of objects for tables, else one object; "
		"\\fIerror\\fR and \\fIcode\\fR in it tell of a failure.\n"
		".TP\n.BI \\-\\-state \" dir\"\nThe state folder; without it the environment variable MANSIO_STATE, else what the settings say.\n"
		".TP\n.BI \\-\\-config \" file\"\nThe settings file.\n"
		".TP\n.B \\-\\-help\nExplains the verb.\n"
		".SH VERBS\n");
	for (i = 0; i < nverbs; i++)
		manual_verb(&verbs[i], out);
	buf_puts(out, ".SH EXIT STATUS\n"
		"0, or a code of\n.BR sysexits.h (3head):\n"
		"64 wrong usage, 65 bad data, 67 no such account, domain or alias, 69 the suite does not run,\n"
		"73 exists already or cannot be made, 75 try again later, 77 not allowed, 78 bad settings.\n"
		".SH SEE ALSO\n.BR mansio.conf (5)\n");
}
