/* SPDX-License-Identifier: ISC
 *
 * newaliases.c: elsewhere it makes /etc/aliases count. Our aliases live in the
 * directory and always count, so this says so; with --import it takes the entries
 * of such a file over, by the verb `alias add`.
 *
 *   name: target, target ...      further lines begin with a blank; # comments
 *
 * Programs (|...), files (/...) and :include: are no addresses: they are named and
 * left out. An alias that is there already stays as it is.
 */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "master/client.h"
#include "master/sendmail.h"

#define ALIASES "/etc/aliases"
#define FILE_MAX (16u << 20)

struct import {
	const char *state, *origin;
	struct arena a;
	unsigned made, kept, left;
	int code;
};

static struct str unquoted(struct str s)
{
	s = str_trim(s);
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_sub(s, 1, s.n - 1) : s;
}

static struct str with_domain(struct import *im, struct str s)
{
	return str_find(s, '@') >= 0 ? s : str_of(arena_fmt(&im->a, "%.*s@%s", STRF(s), im->origin));
}

/* The target, or STR_NONE for what is no address. */
static struct str target(struct import *im, struct str name, struct str text)
{
	text = unquoted(text);
	if (text.n && text.p[0] == '\\') /* \root: elsewhere "not by way of aliases" */
		text = str_from(text, 1);
	if (text.n && text.p[0] != '|' && text.p[0] != '/' && text.p[0] != ':')
		return with_domain(im, text);
	if (text.n) {
		fprintf(stderr, "newaliases: %.*s: '%.*s' is no address; programs, files and :include: are not taken\n",
			STRF(name), STRF(text));
		im->left++;
	}
	return STR_NONE;
}

static void entry(struct import *im, struct str name, struct str targets)
{
	struct answer a = { 0 };
	struct str one, address;
	struct ipc_msg m;
	size_t n = 0;

	name = unquoted(name);
	address = with_domain(im, name);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", "alias add");
	ipc_set(&m, "address", address);
	while (targets.p) {
		one = target(im, name, str_cut(&targets, ','));
		if (one.p && !str_eq(one, address)) {
			ipc_set(&m, "target", one);
			n++;
		}
	}
	if (n) {
		client_ask(im->state, verb_named("alias add"), &m, &a);
		im->made += a.code == 0;
		im->kept += a.code == EX_CANTCREAT;
		if (a.code && a.code != EX_CANTCREAT) {
			fprintf(stderr, "newaliases: %.*s: %s\n", STRF(name), a.error);
			im->left++;
			if (a.code == EX_UNAVAILABLE || a.code == EX_NOPERM || a.code == EX_TEMPFAIL)
				im->code = a.code;
		}
		answer_done(&a);
	}
	ipc_done(&m);
}

/* An entry with its further lines as one. */
static void entries(struct import *im, struct str text)
{
	struct str rest = text, line, name, whole = STR_NONE;

	while (im->code == 0 && (rest.p || whole.p)) {
		line = rest.p ? str_cut(&rest, '\n') : STR_NONE;
		if (whole.p && line.p && line.n && (line.p[0] == ' ' || line.p[0] == '\t')) {
			whole = str_of(arena_fmt(&im->a, "%.*s,%.*s", STRF(whole), STRF(str_trim(line))));
			continue;
		}
		if (line.p && line.n && line.p[0] == '#')
			continue;
		if (whole.p) {
			name = str_cut(&whole, ':');
			if (whole.p && str_trim(name).n)
				entry(im, name, whole);
		}
		whole = str_trim(line).n ? line : STR_NONE;
	}
}

int newaliases(const char *state, const char *origin, const char *import, struct buf *why)
{
	struct import im = { .state = state, .origin = origin };
	FILE *f = import ? fopen(import[0] ? import : ALIASES, "re") : NULL;
	struct buf text;
	int r;

	if (!import) {
		printf("Mansio keeps aliases in its directory, where they count at once: mansio alias list.\n"
			"newaliases --import takes the entries of " ALIASES " over (--import=FILE: of another file).\n");
		return 0;
	}
	if (!f) {
		buf_fmt(why, "%s: %s", import[0] ? import : ALIASES, err_text(-errno));
		return EX_NOINPUT;
	}
	arena_init(&im.a);
	buf_init(&text, FILE_MAX);
	r = file_read_all(fileno(f), &text);
	fclose(f);
	if (r == 0)
		entries(&im, buf_view(&text));
	else
		buf_fmt(why, "%s: %s", import, err_text(r));
	if (r == 0)
		printf("%u made, %u were there already, %u left out\n", im.made, im.kept, im.left);
	buf_done(&text);
	arena_done(&im.a);
	return r ? EX_DATAERR : im.code;
}
