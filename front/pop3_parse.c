/* SPDX-License-Identifier: ISC
 *
 * pop3_parse.c: one POP3 command before login: RFC 1939 7 (USER, PASS, APOP), RFC 2449 5 (CAPA),
 * RFC 2595 4 (STLS), RFC 5034 4 (AUTH).
 */
#include "front/parse.h"

static const struct {
	const char *name;
	enum pop3_verb verb;
} verbs[] = {
	{ "CAPA", POP3_CAPA },
	{ "USER", POP3_USER },
	{ "PASS", POP3_PASS },
	{ "APOP", POP3_APOP },
	{ "AUTH", POP3_AUTH },
	{ "STLS", POP3_STLS },
	{ "QUIT", POP3_QUIT },
};

/* "AUTH" [SP mechanism [SP initial-response]] */
static int parse_auth(struct str args, struct pop3_line *out)
{
	struct str rest = args;

	if (!args.p)
		return 0; /* alone: list them */
	out->mech = str_cut(&rest, ' ');
	if (!parse_is_mech(out->mech) || (rest.p && (rest.n == 0 || str_find(rest, ' ') >= 0)))
		return E_SYNTAX;
	out->initial = rest;
	return 0;
}

int pop3_line_parse(struct str line, struct pop3_line *out)
{
	struct pop3_line l = { .verb = POP3_OTHER };
	struct str rest = line, word = str_cut(&rest, ' ');
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_ieqc(word, verbs[i].name))
			l.verb = verbs[i].verb;
	switch (l.verb) {
	case POP3_USER:
	case POP3_PASS: /* a password may hold spaces: the rest of the line */
		l.arg = rest;
		r = rest.n == 0 ? E_SYNTAX : 0;
		break;
	case POP3_APOP: /* name SP digest: 32 digits of hex, which authd reads */
		l.arg = str_cut(&rest, ' ');
		l.digest = rest;
		r = l.arg.n == 0 || rest.n == 0 || str_find(rest, ' ') >= 0 ? E_SYNTAX : 0;
		break;
	case POP3_AUTH:
		r = parse_auth(rest, &l);
		break;
	case POP3_OTHER:
		break;
	default:
		r = rest.p ? E_SYNTAX : 0;
	}
	*out = l;
	return r;
}
