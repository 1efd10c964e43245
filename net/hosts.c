/* SPDX-License-Identifier: ISC
 *
 * hosts.c: the two files by which a system's admin names hosts and name servers. Lines that
 * make no sense are passed over, as the system's own resolver does.
 */
#include "net/hosts.h"

static struct str next_word(struct str *line)
{
	size_t i = 0, from;

	while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t'))
		i++;
	from = i;
	while (i < line->n && line->p[i] != ' ' && line->p[i] != '\t')
		i++;
	struct str word = str_sub(*line, from, i);

	*line = str_from(*line, i);
	return word;
}

static bool line_names(struct str line, struct str name)
{
	struct str word;

	while ((word = next_word(&line)).n)
		if (str_ieq(word, name))
			return true;
	return false;
}

size_t hosts_find(struct str text, struct str name, struct addr *out, size_t cap)
{
	struct str rest = text, line;
	struct addr a;
	size_t n = 0;

	while (rest.p && n < cap) {
		line = str_cut(&rest, '\n');
		line = str_trim(str_cut(&line, '#'));
		if (addr_parse(next_word(&line), &a) == 0 && line_names(line, name))
			out[n++] = a;
	}
	return n;
}

size_t resolvconf_servers(struct str text, struct addr *out, size_t cap)
{
	struct str rest = text, line;
	struct addr a;
	size_t n = 0;

	while (rest.p && n < cap) {
		line = str_trim(str_cut(&rest, '\n'));
		if (!str_eqc(next_word(&line), "nameserver") || addr_parse(next_word(&line), &a))
			continue;
		a.port = 53;
		out[n++] = a;
	}
	return n;
}
