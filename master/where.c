/* SPDX-License-Identifier: ISC
 *
 * where.c: which settings file, which state folder (where.h).
 */
#include "master/where.h"

#include <sys/stat.h>
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

/* As the settings file has it, else the default. */
static const char *state_of_file(struct arena *a, const struct where *w)
{
	const char *path = where_config(w), *slash = strrchr(path, '/');
	const char *state = "/var/lib/mansio";
	struct str found = STR_NONE;
	FILE *f = fopen(path, "re");
	struct buf text;

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

/* The state folder that was named, NULL: none. A file that is named as well comes before the environment. */
static const char *named_state(const struct where *w)
{
	const char *env = getenv("MANSIO_STATE");

	return w->state ? w->state : env && env[0] && !w->config ? env : NULL;
}

static bool same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* What master wrote down; NULL: nothing. */
static const char *recorded(struct arena *a, const char *state)
{
	FILE *f = fopen(arena_fmt(a, "%s/run/" WHERE_RECORD, state), "re");
	struct str path = STR_NONE;
	struct buf text;

	buf_init(&text, 4200);
	if (f && file_read_all(fileno(f), &text) == 0)
		path = arena_str(a, str_trim(buf_view(&text)));
	if (f)
		fclose(f);
	buf_done(&text);
	return path.n > 1 && path.p[0] == '/' && !str_has_ctl(path) ? path.p : NULL;
}

int where_find(struct arena *a, struct where *w, struct buf *why)
{
	const struct where usual = { 0 };
	const char *state = named_state(w), *beside;

	if (!state || w->config)
		return 0;
	w->state = state;
	w->config = recorded(a, state);
	if (w->config)
		return 0;
	beside = arena_fmt(a, "%s/mansio.conf", state);
	if (access(beside, F_OK) != 0 && same_folder(state, state_of_file(a, &usual)))
		beside = CONFIG_DEFAULT;
	else if (access(beside, F_OK) != 0)
		buf_fmt(why, "which settings file the suite of %s has is not known: it was never started, or there is no suite "
			"(--config FILE names one)", state);
	w->config = beside;
	return why->n ? E_NOTFOUND : 0;
}

/* A suite that is started with this folder lives in it, whatever the file says. */
static void named_counts(const struct where *w, struct conf *c)
{
	const char *state = named_state(w);

	if (state)
		c->server_state = arena_str(&c->arena, str_of(where_absolute(&c->arena, state)));
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
		named_counts(w, *out);
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
	if (r == 0)
		named_counts(w, *out);
	return r;
}

/* --state, $MANSIO_STATE, the settings, the default: in this order. */
const char *where_state(struct arena *a, const struct where *w)
{
	const char *named = named_state(w);

	return named ? named : state_of_file(a, w);
}
