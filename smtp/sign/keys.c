/* SPDX-License-Identifier: ISC
 *
 * keys.c: the folder of keys (see keys.h).
 */
#include "smtp/sign/keys.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "net/dns.h"
#include "trace/trace.h"

#define FILE_MAX 16384
#define LOADED 200 /* private keys in memory */
#define PATH 400
#define MONTH 6 /* characters of a selector: 202611 */
#define SELECTORS 100 /* of one month, domain and kind */

static const char *const state_names[] = { [KEY_NEXT] = "next", [KEY_ACTIVE] = "active", [KEY_OLD] = "old" };

const char *key_state_name(enum key_state s)
{
	return state_names[s];
}

static void path_of(const struct sign_key *x, char out[PATH])
{
	snprintf(out, PATH, "%s/%s.key", x->of->name, x->selector);
}

static void told(enum trace_level level, const char *event, const struct sign_key *x, int err)
{
	struct trace t;

	trace_begin(&t, level, event);
	trace_s(&t, "domain", x->of->name);
	trace_s(&t, "selector", x->selector);
	if (err)
		trace_s(&t, "text", err_text(err));
	trace_end(&t);
}

/* --- in memory ------------------------------------------------------------------------- */

struct sign_domain *keys_domain(const struct keys *k, struct str domain)
{
	return table_get(&k->domains, domain);
}

static struct sign_domain *domain_take(struct keys *k, struct str name)
{
	struct sign_domain *d = keys_domain(k, name);

	if (!d) {
		d = mem_alloc(1, sizeof *d);
		memcpy(d->name, name.p, name.n);
		table_set(&k->domains, name, d);
	}
	return d;
}

static struct sign_key *key_add(struct sign_domain *d, struct str selector)
{
	struct sign_key *x = mem_alloc(1, sizeof *x), **at = &d->first;

	while (*at)
		at = &(*at)->next;
	*at = x;
	x->of = d;
	memcpy(x->selector, selector.p, selector.n);
	return x;
}

static void forget_private(struct keys *k, struct sign_key *x)
{
	if (!x->key)
		return;
	dkim_key_free(x->key);
	x->key = NULL;
	k->loaded--;
}

static void key_drop(struct keys *k, struct sign_key *x)
{
	struct sign_domain *d = x->of;
	struct sign_key **at = &d->first;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	forget_private(k, x);
	free(x->record);
	free(x);
	if (!d->first) {
		table_remove(&k->domains, str_of(d->name));
		free(d);
	}
}

static bool has_active(const struct sign_domain *d)
{
	const struct sign_key *x;

	for (x = d->first; x && x->state != KEY_ACTIVE; x = x->next)
		;
	return x != NULL;
}

struct sign_domain *keys_for(const struct keys *k, struct str domain)
{
	struct str rest = domain;

	while (rest.n) {
		struct sign_domain *d = keys_domain(k, rest);

		if (d && has_active(d))
			return d;
		str_cut(&rest, '.');
	}
	return NULL;
}

/* --- files ----------------------------------------------------------------------------------- */

static void print_head(const struct sign_key *x, struct buf *out)
{
	buf_fmt(out, "state=%s\nsince=%lld\nrecord=%s\n", state_names[x->state], (long long)x->since, x->record);
}

static int parse_state(struct str s, enum key_state *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(state_names); i++)
		if (str_eqc(s, state_names[i])) {
			*out = (enum key_state)i;
			return 0;
		}
	return E_SYNTAX;
}

/* The lines before the PEM. */
static int parse_head(struct str text, struct sign_key *x)
{
	struct dkim_key *public;
	uint64_t since = 0;
	unsigned have = 0;

	while (text.p && !str_starts(text, "-----BEGIN")) {
		struct str value = str_cut(&text, '\n'), name = str_cut(&value, '=');

		if (str_eqc(name, "state") && parse_state(value, &x->state) == 0)
			have |= 1;
		else if (str_eqc(name, "since") && str_u64(value, INT64_MAX / 2, &since) == 0)
			have |= 2;
		else if (str_eqc(name, "record") && !x->record && dkim_key_parse(value, &public) == 0) {
			x->algorithm = dkim_key_algorithm(public);
			dkim_key_free(public);
			x->record = mem_alloc(1, value.n + 1);
			memcpy(x->record, value.p, value.n);
			have |= 4;
		}
	}
	x->since = (int64_t)since;
	return have == 7 && text.p ? 0 : E_DAMAGED;
}

static int load(struct keys *k, const struct sign_key *x, struct buf *out)
{
	char path[PATH];

	path_of(x, path);
	buf_init(out, FILE_MAX);
	return file_load(k->dir, path, out);
}

static int save(struct keys *k, const struct sign_key *x, struct str pem)
{
	char path[PATH];
	struct buf b;
	int r;

	path_of(x, path);
	buf_init(&b, FILE_MAX);
	print_head(x, &b);
	buf_str(&b, pem);
	r = b.err ? b.err : file_replace(k->dir, path, buf_view(&b), 0600);
	buf_wipe(&b);
	return r;
}

/* The state changes on the disk first. */
static int move(struct keys *k, struct sign_key *x, enum key_state to, int64_t now)
{
	struct sign_key changed = *x;
	struct buf b;
	ssize_t at;
	int r = load(k, x, &b);

	changed.state = to;
	changed.since = now;
	at = r ? -1 : str_search(buf_view(&b), STR("-----BEGIN"));
	if (r == 0)
		r = at < 0 ? E_DAMAGED : save(k, &changed, str_from(buf_view(&b), (size_t)at));
	buf_wipe(&b);
	if (r) {
		told(TRACE_ERROR, "dkim-key-failed", x, r);
		return r;
	}
	x->state = to;
	x->since = now;
	return 0;
}

const struct dkim_key *keys_private(struct keys *k, struct sign_key *x)
{
	struct buf b;
	int r;

	if (x->key)
		return x->key;
	r = load(k, x, &b);
	if (r == 0 && !(x->key = dkim_key_read(buf_view(&b))))
		r = E_DAMAGED;
	buf_wipe(&b);
	if (r)
		told(TRACE_ERROR, "dkim-key-failed", x, r);
	else
		k->loaded++;
	return x->key;
}

/* --- the folder ---------------------------------------------------------------------------------- */

static bool forget(struct str name, void *value, void *arg)
{
	struct sign_domain *d = value;
	struct keys *k = arg;
	struct sign_key *x;

	(void)name;
	for (x = d->first; x; x = x->next)
		if (x->key)
			forget_private(k, x);
	return true;
}

/* Only between two messages: who signs holds no key longer. */
static void keep_few(struct keys *k)
{
	if (k->loaded > LOADED)
		table_each(&k->domains, forget, k);
}

static void open_key(struct keys *k, struct str domain, struct str file)
{
	struct str selector = str_sub(file, 0, file.n - 4);
	struct sign_key *x;
	struct buf b;
	int r;

	if (!selector.n || selector.n > DKIM_SELECTOR_MAX || !dkim_name_ok(selector))
		return;
	x = key_add(domain_take(k, domain), selector);
	r = load(k, x, &b);
	if (r == 0)
		r = parse_head(buf_view(&b), x);
	buf_wipe(&b);
	if (r) {
		told(TRACE_ERROR, "dkim-key-failed", x, r);
		key_drop(k, x);
	}
}

static void open_domain(struct keys *k, const char *name)
{
	int fd = file_open_dir(k->dir, name);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(d))) {
		if (file_is_tmp(e->d_name))
			file_unlink(fd, e->d_name); /* of a crash */
		else if (str_ends(str_of(e->d_name), ".key"))
			open_key(k, str_of(name), str_of(e->d_name));
	}
	closedir(d);
}

void keys_open(struct keys *k, int dir)
{
	int fd = file_open_dir(dir, ".");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	*k = (struct keys){ .dir = dir };
	table_init(&k->domains);
	if (!d) {
		trace_event(TRACE_ERROR, "dkim-keys", NULL, "the folder cannot be read");
		fd_close(&fd);
		return;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strlen(e->d_name) <= KEYS_DOMAIN_MAX && dns_is_hostname(str_of(e->d_name)))
			open_domain(k, e->d_name);
	closedir(d);
}

static bool free_domain(struct str name, void *value, void *arg)
{
	struct sign_domain *d = value;
	struct keys *k = arg;
	struct sign_key *x, *next;

	(void)name;
	for (x = d->first; x; x = next) {
		next = x->next;
		forget_private(k, x);
		free(x->record);
		free(x);
	}
	free(d);
	return true;
}

void keys_close(struct keys *k)
{
	table_each(&k->domains, free_domain, k);
	table_done(&k->domains);
}

/* --- lives ------------------------------------------------------------------------------------------ */

/* "202611r", "202611r2" ...: free in its domain. */
static int new_selector(const struct sign_domain *d, enum dkim_algorithm kind, int64_t now, char out[DKIM_SELECTOR_MAX + 1])
{
	time_t t = (time_t)now;
	const struct sign_key *x;
	struct tm tm;
	unsigned i;

	if (!gmtime_r(&t, &tm))
		return E_LIMIT;
	for (i = 1; i < SELECTORS; i++) {
		snprintf(out, DKIM_SELECTOR_MAX + 1, i == 1 ? "%04d%02d%c" : "%04d%02d%c%u", tm.tm_year + 1900, tm.tm_mon + 1,
			kind == DKIM_RSA ? 'r' : 'e', i);
		for (x = d->first; x && strcmp(x->selector, out) != 0; x = x->next)
			;
		if (!x)
			return 0;
	}
	return E_LIMIT;
}

static int make_key(struct keys *k, struct sign_domain *d, enum dkim_algorithm kind, enum key_state state, int64_t now)
{
	char selector[DKIM_SELECTOR_MAX + 1];
	struct buf pem, record;
	struct dkim_key *key;
	struct sign_key *x;
	int r = new_selector(d, kind, now, selector);

	if (r)
		return r;
	key = dkim_key_new(kind);
	if (!key)
		return E_TLS;
	buf_init(&pem, FILE_MAX);
	buf_init(&record, FILE_MAX);
	dkim_key_record(key, &record);
	x = key_add(d, str_of(selector));
	x->algorithm = kind;
	x->state = state;
	x->since = now;
	x->record = mem_strdup(buf_cstr(&record));
	r = dkim_key_print(key, &pem);
	if (r == 0)
		r = save(k, x, buf_view(&pem));
	if (r == 0)
		told(TRACE_INFO, "dkim-key-made", x, 0);
	else
		key_drop(k, x);
	dkim_key_free(key);
	buf_wipe(&pem);
	buf_done(&record);
	return r;
}

/* The folder of the domain is durable before a key lies in it. */
static int make_folder(struct keys *k, const char *name)
{
	int r = file_mkdir(k->dir, name, 0700);

	return r && r != E_EXISTS ? r : file_fsync_dir(k->dir, ".");
}

int keys_rotate(struct keys *k, struct str domain, int64_t now)
{
	static const enum dkim_algorithm kinds[] = { DKIM_RSA, DKIM_ED25519 };
	struct sign_domain *d = keys_domain(k, domain);
	char name[KEYS_DOMAIN_MAX + 1];
	bool first[ARRAY_LEN(kinds)];
	struct sign_key *x;
	size_t i;
	int r;

	if (!domain.n || domain.n > KEYS_DOMAIN_MAX || !dns_is_hostname(domain))
		return E_SYNTAX;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		first[i] = true;
		for (x = d ? d->first : NULL; x; x = x->next) {
			if (x->state == KEY_NEXT)
				return E_EXISTS;
			first[i] &= x->algorithm != kinds[i] || x->state != KEY_ACTIVE;
		}
	}
	keep_few(k);
	snprintf(name, sizeof name, "%.*s", STRF(domain));
	r = make_folder(k, name);
	for (i = 0; i < ARRAY_LEN(kinds) && r == 0; i++)
		r = make_key(k, domain_take(k, domain), kinds[i], first[i] ? KEY_ACTIVE : KEY_NEXT, now);
	return r;
}

static int remove_key(struct keys *k, struct sign_key *x)
{
	char path[PATH];
	int r;

	path_of(x, path);
	r = file_unlink(k->dir, path);
	if (r == 0)
		r = file_fsync_dir(k->dir, x->of->name);
	if (r)
		told(TRACE_ERROR, "dkim-key-failed", x, r);
	else
		key_drop(k, x);
	return r;
}

/* "202611r2" and "202611e2": made together. */
static bool is_pair(struct str one, struct str other)
{
	return one.n == other.n && one.n > MONTH && str_eq(str_sub(one, 0, MONTH), str_sub(other, 0, MONTH)) &&
		str_eq(str_from(one, MONTH + 1), str_from(other, MONTH + 1));
}

int keys_remove(struct keys *k, struct str domain, struct str selector, bool pair)
{
	struct sign_domain *d = keys_domain(k, domain);
	struct sign_key *x, *next;
	bool there = false;
	int r = E_NOTFOUND;

	for (x = d ? d->first : NULL; x; x = x->next)
		there |= str_eqc(selector, x->selector);
	for (x = d ? d->first : NULL; x; x = next) {
		next = x->next;
		if (selector.n && !str_eqc(selector, x->selector) && !(there && pair && is_pair(selector, str_of(x->selector))))
			continue;
		told(TRACE_INFO, "dkim-key-removed", x, 0);
		r = remove_key(k, x);
		if (r)
			return r;
	}
	return r;
}

/* The others of its kind sign no more. */
static void activate(struct keys *k, struct sign_key *key, int64_t now)
{
	struct sign_key *x;

	if (move(k, key, KEY_ACTIVE, now))
		return;
	told(TRACE_INFO, "dkim-key-active", key, 0);
	for (x = key->of->first; x; x = x->next)
		if (x != key && x->algorithm == key->algorithm && x->state == KEY_ACTIVE)
			move(k, x, KEY_OLD, now);
}

void keys_seen(struct keys *k, struct sign_key *key, bool seen, int64_t now)
{
	if (key->state != KEY_NEXT)
		return;
	key->absent = !seen;
	if (seen)
		activate(k, key, now);
}

struct turn {
	struct keys *k;
	int64_t now, overlap, retire;
};

static bool turn_domain(struct str name, void *value, void *arg)
{
	struct sign_domain *d = value;
	struct turn *t = arg;
	struct sign_key *x, *y, *next;

	(void)name;
	for (x = d->first; x; x = next) {
		next = x->next;
		if (x->state == KEY_NEXT && !x->absent && t->now - x->since >= t->overlap)
			activate(t->k, x, t->now);
		for (y = d->first; x->state == KEY_ACTIVE && y; y = y->next)
			if (y != x && y->state == KEY_ACTIVE && y->algorithm == x->algorithm && y->since > x->since)
				move(t->k, x, KEY_OLD, t->now);
		if (x->state == KEY_OLD && t->now - x->since >= t->retire) {
			bool last = d->first == x && !x->next;

			told(TRACE_INFO, "dkim-key-retired", x, 0);
			if (remove_key(t->k, x) == 0 && last)
				return true; /* and d with it */
		}
	}
	return true;
}

void keys_turn(struct keys *k, int64_t now, int64_t overlap, int64_t retire)
{
	struct turn t = { k, now, overlap, retire };

	keep_few(k);
	table_each(&k->domains, turn_domain, &t);
}
