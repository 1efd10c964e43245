/* SPDX-License-Identifier: ISC
 *
 * where.c: which settings file, which state folder (where.h).
 */
#include "master/where.h"

#include <unistd.h>

#include "base/file.h"

#define CONFIG_DEFAULT SYSCONFDIR "/mansio/mansio.conf"

/* master and client change their folder: what was given relative is made absolute. */
const char *where_absolute(struct arena *a, const char *path)
{
	char here[4096];

	if (!path || path[0] == '/' || !getcwd(here, sizeof(here)))
		return path;
	return arena_fmt(a, "%s/%s", here, path);
}

const char *where_config(const struct where *w)
{
	return w->config ? w->config : CONFIG_DEFAULT;
}

/* The settings as the file has them; a missing default file means defaults. */
int where_conf(const struct where *w, struct conf **out, struct buf *errors)
{
	const char *path = where_config(w);
	struct buf text;
	int r;
	FILE *f = fopen(path, "re");

	if (!f && errno == ENOENT && !w->config) {
		*out = conf_defaults();
		return 0;
	}
	if (!f) {
		r = -errno;
		buf_fmt(errors, "%s: %s\n", path, err_text(r));
		return r;
	}
	buf_init(&text, 1 << 20);
	r = file_read_all(fileno(f), &text);
	fclose(f);
	if (r < 0)
		buf_fmt(errors, "%s: %s\n", path, err_text(r));
	else
		r = conf_parse(buf_view(&text), path, errors, out);
	buf_done(&text);
	return r;
}

/* [server] state of a file that may be wrong elsewhere: a running suite must be
 * found to tell it so. */
static struct str state_in(struct str text)
{
	struct str rest = text, line, name, found = STR_NONE;
	bool server = false;

	while (rest.p) {
		line = str_trim(str_cut(&rest, '\n'));
		if (line.n && line.p[0] == '[')
			server = str_eqc(line, "[server]");
		name = str_trim(str_cut(&line, '='));
		if (server && line.p && str_eqc(name, "state"))
			found = str_trim(line);
	}
	return found;
}

/* --state, $MANSIO_STATE, the settings, the default: in this order. */
const char *where_state(struct arena *a, const struct where *w)
{
	const char *env = getenv("MANSIO_STATE"), *path = where_config(w), *slash = strrchr(path, '/');
	FILE *f = !w->state && (!env || !env[0] || w->config) ? fopen(path, "re") : NULL;
	const char *state = "/var/lib/mansio";
	struct str found = STR_NONE;
	struct buf text;

	if (w->state)
		return w->state;
	if (env && env[0] && !w->config)
		return env;
	buf_init(&text, 1 << 20);
	if (f && file_read_all(fileno(f), &text) == 0)
		found = state_in(buf_view(&text));
	if (found.n)
		state = found.p[0] == '/' || !slash ? arena_cstr(a, found) :
			arena_fmt(a, "%.*s/%.*s", (int)(slash - path), path, STRF(found));
	buf_done(&text);
	if (f)
		fclose(f);
	return state;
}
