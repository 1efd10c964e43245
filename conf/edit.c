/* SPDX-License-Identifier: ISC
 *
 * edit.c: one setting in the text of a settings file (see edit.h).
 *
 * The text is read line by line with the grammar of conf.c. What is
 * remembered is where the key's line lies, and where a new line of its section
 * would: behind its last key, or behind its header. A section may appear more
 * than once; the last one that has keys takes the new line.
 */
#include "conf/edit.h"

struct place {
	bool found;
	size_t start, end; /* of the key's line, with its line end */
	size_t value; /* where its value starts */
	unsigned line;
	size_t behind; /* where a new line of the section goes; 0: no such section */
};

static bool section_is(struct str line, const char *section)
{
	return line.n >= 2 && line.p[line.n - 1] == ']' &&
		str_eqc(str_trim(str_sub(line, 1, line.n - 1)), section);
}

/* The key line `raw`: is it ours, and where does its value start? */
static bool key_is(struct str raw, const char *name, size_t *value_out)
{
	ssize_t eq = str_find(raw, '=');

	if (eq < 0 || !str_eqc(str_trim(str_sub(raw, 0, (size_t)eq)), name))
		return false;
	*value_out = (size_t)eq + 1;
	return true;
}

static struct place find(struct str text, const char *section, const char *name)
{
	struct place p = { 0 };
	bool inside = false;
	unsigned lineno = 0;
	size_t at = 0, value;

	while (at < text.n) {
		struct str rest = str_from(text, at), raw;
		ssize_t lf = str_find(rest, '\n');
		size_t end = lf < 0 ? text.n : at + (size_t)lf + 1;
		struct str line;

		raw = str_sub(text, at, end);
		line = str_trim(raw);
		lineno++;
		if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';') {
			at = end;
			continue;
		}
		if (line.p[0] == '[') {
			inside = section_is(line, section);
			if (inside)
				p.behind = end;
		} else if (inside) {
			p.behind = end;
			if (!p.found && key_is(raw, name, &value)) {
				p.found = true;
				p.start = at;
				p.end = end;
				p.value = at + value;
				p.line = lineno;
			}
		}
		at = end;
	}
	return p;
}

unsigned conf_edit_line(struct str text, const char *section, const char *name)
{
	return find(text, section, name).line;
}

static void with_line_end(struct buf *out)
{
	if (out->n > 0 && out->p[out->n - 1] != '\n')
		buf_c(out, '\n');
}

/* The key's line with another value; blanks behind '=' and the line end stay. */
static void replace(struct str text, const struct place *p, struct str value, struct buf *out)
{
	size_t at = p->value, end = p->end;

	while (at < end && (text.p[at] == ' ' || text.p[at] == '\t'))
		at++;
	while (end > at && (text.p[end - 1] == '\n' || text.p[end - 1] == '\r'))
		end--;
	buf_str(out, str_sub(text, 0, at));
	if (at == p->value && value.n && p->value >= 2 && text.p[p->value - 2] == ' ')
		buf_c(out, ' ');
	buf_str(out, value);
	buf_str(out, str_from(text, end));
}

int conf_edit_set(struct str text, const char *section, const char *name, struct str value, struct buf *out)
{
	struct place p = find(text, section, name);

	if (str_has_ctl(value) || !str_is_utf8(value))
		return E_SYNTAX;
	value = str_trim(value);
	if (p.found) {
		replace(text, &p, value, out);
		return 0;
	}
	if (p.behind) {
		buf_str(out, str_sub(text, 0, p.behind));
		with_line_end(out);
	} else {
		buf_str(out, text);
		with_line_end(out);
		buf_fmt(out, "%s[%s]\n", text.n ? "\n" : "", section);
	}
	buf_fmt(out, "%s = %.*s\n", name, STRF(value));
	if (p.behind)
		buf_str(out, str_from(text, p.behind));
	return 0;
}

int conf_edit_unset(struct str text, const char *section, const char *name, struct buf *out)
{
	struct place p = find(text, section, name);

	if (!p.found)
		return E_NOTFOUND;
	buf_str(out, str_sub(text, 0, p.start));
	buf_str(out, str_from(text, p.end));
	return 0;
}

const struct conf_key *conf_key_named(struct str full)
{
	struct str name = full, section = str_cut(&name, '.');
	size_t i;

	for (i = 0; i < conf_nkeys; i++)
		if (str_eqc(section, conf_keys[i].section) && str_eqc(name, conf_keys[i].name))
			return &conf_keys[i];
	return NULL;
}

/* A whole section, or one key. */
static const struct {
	const char *section, *name;
} host_only[] = {
	{ "server", NULL }, /* users, state folder, sandbox, whose PROXY headers count */
	{ "listen", NULL },
	{ "tls", "certificates" }, { "tls", "keys" },
	{ "log", "to" }, { "log", "file" },
	{ "auth", "allow_clear" }, { "auth", "client_ca" }, { "auth", "client_crl" }, { "auth", "client_name" }, /* who is let in */
	{ "oauth", NULL }, /* whose word lets people in */
	{ "kerberos", NULL }, /* the same */
	{ "ldap", NULL }, /* whom it asks for passwords, and shows them to */
	{ "pam", NULL }, /* the same; and which users of this host count */
	{ "pgsql", NULL }, /* the same: it is shown the password of the database, and says who is who */
	{ "oldserver", NULL }, /* the same */
	{ "acme", "directory" }, { "acme", "hook" }, { "acme", "eab_kid" },
	{ "send", "ca" }, { "send", "smarthost_ca" }, { "send", "smarthost_password_file" },
};

/* Words of a name that say: this is a path. What comes later is caught by them. */
static const char *const path_words[] = { "file", "files", "folder", "directory", "dir", "path", "hook", "program",
	"command", "ca", "socket" };

bool conf_host_only(const struct conf_key *k)
{
	struct str rest, word;
	size_t i;

	for (i = 0; i < ARRAY_LEN(host_only); i++)
		if (strcmp(k->section, host_only[i].section) == 0 &&
			(!host_only[i].name || strcmp(k->name, host_only[i].name) == 0))
			return true;
	if (k->type != CONF_STRING && k->type != CONF_LIST)
		return false;
	for (rest = str_of(k->name); rest.p;) {
		word = str_cut(&rest, '_');
		for (i = 0; i < ARRAY_LEN(path_words); i++)
			if (str_eqc(word, path_words[i]))
				return true;
	}
	return false;
}
