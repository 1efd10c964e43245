/* SPDX-License-Identifier: ISC
 *
 * directory.c: which back ends there are, and the directory of the settings.
 *
 * A back end is a row here, a word of [auth] directory (conf/check.c), and a section of
 * settings of its own.
 */
#include "auth/directory.h"

#include "auth/directory_ldap.h"
#include "auth/directory_sqlite.h"
#ifdef WITH_PGSQL
#include "auth/directory_pgsql.h"
#endif
#ifdef WITH_PAM
#include "auth/directory_pam.h"
#endif
#include "conf/conf.h"

static const struct {
	const char *word;
	int (*open)(const struct conf *conf, struct directory **out);
} back_ends[] = {
#ifdef WITH_LDAP
	{ "ldap", directory_ldap_open },
#endif
#ifdef WITH_PGSQL
	{ "pgsql", directory_pgsql_open },
#endif
#ifdef WITH_PAM
	{ "pam", directory_pam_open },
#endif
	{ NULL, NULL },
};

bool directory_network(const struct conf *conf)
{
	size_t i;

	for (i = 0; i < conf->auth_directory.n; i++)
		if (!str_eqc(conf->auth_directory.v[i], "sqlite") && !str_eqc(conf->auth_directory.v[i], "pam"))
			return true;
	return false;
}

char *directory_domains(const struct conf_list *l)
{
	char *text = NULL;
	struct buf b;
	size_t i;

	if (l->n == 0)
		return NULL;
	buf_init(&b, 1 << 20);
	buf_c(&b, ',');
	for (i = 0; i < l->n; i++)
		buf_fmt(&b, "%.*s,", STRF(l->v[i]));
	text = mem_strdup(buf_cstr(&b));
	buf_done(&b);
	return text;
}

static int open_word(const struct conf *conf, struct str word, struct directory **out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(back_ends); i++)
		if (back_ends[i].word && str_eqc(word, back_ends[i].word))
			return back_ends[i].open(conf, out);
	return E_UNSUPPORTED;
}

int directory_open(const struct conf *conf, struct directory **out)
{
	const struct conf_list *l = &conf->auth_directory;
	struct directory *own, *named[DIRECTORY_STACK];
	size_t i, n = 0;
	int r = directory_sqlite_open(&own);

	if (r < 0)
		return r;
	if (l->n == 1 && str_eqc(l->v[0], own->name)) {
		r = identity_placed(own);
		if (r == E_NOTFOUND) {
			*out = own;
			return 0;
		}
		/* where mail lies that is not at its address, the stack alone knows */
	}
	for (i = 0; i < l->n && n < ARRAY_LEN(named) && r == 0; i++) {
		if (str_eqc(l->v[i], own->name))
			named[n++] = own;
		else if ((r = open_word(conf, l->v[i], &named[n])) == 0)
			n++;
	}
	if (r == 0) {
		*out = directory_stack(named, n, own);
		return 0;
	}
	for (i = 0; i < n; i++)
		if (named[i] != own)
			named[i]->ops->close(named[i]);
	own->ops->close(own);
	return r;
}
