/* SPDX-License-Identifier: ISC
 *
 * smtp_parse.c: one SMTP command before the room (RFC 5321 4.1, RFC 4954 4,
 * RFC 3207 4, RFC 3030 2). MAIL and RCPT are the room's to parse.
 */
#include "front/parse.h"

/* "AUTH" SP sasl-mech [SP initial-response] (RFC 4954 8) */
static int parse_auth(struct str args, struct smtp_line *out)
{
	struct str rest = args;

	out->mech = str_cut(&rest, ' ');
	if (!parse_is_mech(out->mech))
		return E_SYNTAX;
	if (!rest.p)
		return 0;
	if (rest.n == 0 || str_find(rest, ' ') >= 0)
		return E_SYNTAX;
	out->initial = rest;
	return 0;
}

int smtp_line_parse(struct str line, struct smtp_line *out)
{
	struct smtp_line l = { 0 };
	struct str args = STR_NONE;
	bool last;
	int r = 0;

	l.verb = smtp_verb(line, &args);
	switch (l.verb) {
	case SMTP_EHLO:
	case SMTP_HELO:
		r = smtp_parse_helo(args, &l.arg);
		break;
	case SMTP_AUTH:
		r = parse_auth(args, &l);
		break;
	case SMTP_BDAT:
		r = smtp_parse_bdat(args, &l.size, &last);
		break;
	case SMTP_STARTTLS:
	case SMTP_RSET:
	case SMTP_QUIT:
		r = args.n > 0 ? E_SYNTAX : 0; /* no parameters (RFC 5321 4.1.1) */
		break;
	default:
		l.arg = args;
	}
	*out = l;
	return r < 0 ? E_SYNTAX : 0;
}
