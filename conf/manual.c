/* SPDX-License-Identifier: ISC
 *
 * manual.c: the settings table for people: the sample file and the manual
 * page mansio.conf(5), both made by the build with `mansio config sample` and
 * `mansio config manual`, so that neither can be out of date.
 */
#include "conf/conf.h"

#include "conf/value.h"

static const struct {
	const char *name, *text;
} sections[] = {
	{ "server", "The host and the suite as a whole." },
	{ "listen", "Where each service waits: a list of address:port; [::] and 0.0.0.0 mean all addresses; empty: not served." },
	{ "tls", "Certificates of the door." },
	{ "limit", "What one stranger may take from the door." },
	{ "auth", "Passwords and logins." },
	{ "smtp", "Mail that comes in by SMTP." },
	{ "mail", "Mailboxes." },
	{ "delivery", "From LMTP into mailboxes." },
	{ "imap", "IMAP sessions." },
	{ "pop3", "POP3 sessions." },
	{ "web", "The admin page and its API." },
	{ "log", "The log: one line for each event." },
};

static const char *section_text(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(sections); i++)
		if (strcmp(name, sections[i].name) == 0)
			return sections[i].text;
	return "";
}

/* "size, 1k to 4G" */
static void kind(const struct conf_key *k, struct buf *out)
{
	static const char *const name[] = {
		[CONF_BOOL] = "yes or no", [CONF_INT] = "number", [CONF_SIZE] = "size",
		[CONF_TIME] = "time", [CONF_STRING] = "text", [CONF_LIST] = "list",
		[CONF_ENUM] = "one of",
	};

	buf_puts(out, name[k->type]);
	if (k->type == CONF_ENUM) {
		struct str rest = str_of(k->words);

		while (rest.p) {
			buf_c(out, ' ');
			buf_str(out, str_cut(&rest, '|'));
		}
	} else if (k->lo || k->hi) {
		buf_puts(out, ", ");
		conf_limit_print(k, k->lo, out);
		buf_puts(out, " to ");
		conf_limit_print(k, k->hi, out);
	}
}

void conf_sample(struct buf *out)
{
	const char *section = "";
	size_t i;

	buf_puts(out, "# mansio.conf: settings of Mansio; mansio.conf(5) explains the format.\n"
		"# Each line shows a default; take away its '#' to change it.\n"
		"# `mansio config check` finds every mistake, `mansio reload` makes changes count.\n");
	for (i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (strcmp(section, k->section) != 0) {
			section = k->section;
			buf_fmt(out, "\n[%s]\n# %s\n", section, section_text(section));
		}
		buf_fmt(out, "\n# %s\n# (", k->text);
		kind(k, out);
		buf_fmt(out, "%s)\n#%s =%s%s\n", k->when == CONF_RESTART ? "; needs a restart" : "", k->name,
			k->dflt[0] ? " " : "", k->dflt);
	}
}

/* Text for roff: backslashes and dashes kept, no line starts with a dot. */
static void roff(struct buf *out, const char *text)
{
	const char *p;

	if (*text == '.' || *text == '\'')
		buf_puts(out, "\\&");
	for (p = text; *p; p++) {
		if (*p == '\\')
			buf_puts(out, "\\e");
		else if (*p == '-')
			buf_puts(out, "\\-");
		else
			buf_c(out, *p);
	}
}

static void manual_key(const struct conf_key *k, struct buf *out)
{
	struct buf line;

	buf_init(&line, 4096);
	buf_puts(out, ".TP\n.B ");
	roff(out, k->name);
	buf_puts(out, "\n");
	roff(out, k->text);
	buf_puts(out, "\n(");
	kind(k, &line);
	buf_fmt(&line, "; default: %s%s)", k->dflt[0] ? k->dflt : "empty",
		k->when == CONF_RESTART ? "; a change needs a restart" : "");
	roff(out, buf_cstr(&line));
	buf_puts(out, "\n");
	buf_done(&line);
}

void conf_manual(struct buf *out)
{
	const char *section = "";
	size_t i;

	buf_puts(out, ".\\\" Made by `mansio config manual` from the table of settings.\n"
		".TH MANSIO.CONF 5 \"\" \"Mansio\" \"File Formats\"\n"
		".SH NAME\nmansio.conf \\- settings of the mail suite Mansio\n"
		".SH DESCRIPTION\n"
		"A text file in UTF\\-8 of sections and settings:\n"
		".PP\n.nf\n\\&[server]\nhostname = mail.example.org\n.fi\n.PP\n"
		"A line that begins with # or ; is a comment; a value ends with its line.\n"
		"A setting that is not in the file has its default.\n"
		".PP\n"
		"A\n.B size\nis a number of bytes, or one with k, M, G or T behind it (powers of 1024).\n"
		"A\n.B time\nneeds its unit: ms, s, m, h or d.\n"
		"A\n.B list\nis separated by commas.\n"
		"Names of files are relative to the folder of the settings file, unless stated otherwise.\n"
		".PP\n"
		".B mansio config check\nreports all mistakes at once.\n"
		".B mansio reload\nmakes changes count without ending a session; settings that need a restart are named by it.\n"
		".SH SETTINGS\n");
	for (i = 0; i < conf_nkeys; i++) {
		if (strcmp(section, conf_keys[i].section) != 0) {
			section = conf_keys[i].section;
			buf_fmt(out, ".SS [%s]\n", section);
			roff(out, section_text(section));
			buf_puts(out, "\n");
		}
		manual_key(&conf_keys[i], out);
	}
	buf_puts(out, ".SH SEE ALSO\n.BR mansio (1)\n");
}
