/* SPDX-License-Identifier: ISC
 *
 * verbs_book.c: mansio directory list: the address book. People who may log in and are listed, mailboxes that several people
 * share, and lists: addresses that lead to two others or more. In order of domain and name, both together.
 *
 * Whose: all for the command and for a global administrator; for others the domains that they look after, and as
 * people ([directory] visible) their own domain, all, or none. Of a back end that is down nobody is shown, and the
 * answer says so; the others are.
 */
#include <sysexits.h>

#include "auth/verbs.h"
#include "conf/conf.h"

struct entry {
	struct str domain, local, address, name;
	bool list, shared;
};

struct book {
	struct verb *v;
	bool everything; /* of all domains */
	struct str last; /* the domain that was looked up last, and whether mail of it is taken */
	bool last_active;
	struct entry *entry;
	size_t n, cap;
};

static struct str domain_of(struct str address)
{
	return str_from(address, (size_t)(str_rfind(address, '@') + 1));
}

/* Does the asker see this domain? Names in `scope` are those of domains, and his own address. */
static bool sees(const struct book *b, struct str domain)
{
	int64_t visible = b->v->conf->directory_visible;
	struct str scope;
	size_t i;

	if (b->everything)
		return true;
	for (i = 0; (scope = ipc_get_nth(b->v->m, "scope", i)).p; i++)
		if (str_find(scope, '@') < 0 ? str_eq(scope, domain) : visible == CONF_DIRECTORY_VISIBLE_ALL ||
			(visible == CONF_DIRECTORY_VISIBLE_DOMAIN && str_eq(domain_of(scope), domain)))
			return true;
	return false;
}

/* If nobody can say it now, those who are there are shown. */
static bool is_active(struct book *b, struct str domain)
{
	struct directory_domain dom;
	int r;

	if (b->last.p && str_eq(b->last, domain))
		return b->last_active;
	r = b->v->d->ops->domain(b->v->d, domain, &b->v->a, &dom);
	b->last = arena_str(&b->v->a, domain);
	b->last_active = r == 0 ? dom.active : r != E_NOTFOUND;
	return b->last_active;
}

/* One line: whoever makes a card of it need not doubt what another directory has. */
static struct str one_line(struct str name, struct arena *a)
{
	char *p = arena_cstr(a, name);
	size_t i;

	for (i = 0; i < name.n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			p[i] = ' ';
	return str_make(p, name.n);
}

static void add(struct book *b, struct entry e)
{
	struct arena *a = &b->v->a;

	if (b->n == b->cap) {
		b->cap = b->cap * 2 + 256;
		b->entry = mem_grow(b->entry, b->cap, sizeof(*b->entry));
	}
	b->entry[b->n++] = (struct entry){ .domain = arena_str(a, e.domain), .local = arena_str(a, e.local),
		.address = arena_str(a, e.address), .name = one_line(e.name, a), .list = e.list, .shared = e.shared };
}

static bool person(const struct directory_account *acc, void *arg)
{
	struct book *b = arg;

	if (!acc->unlisted && resolve_may_log_in(acc) && sees(b, acc->domain) && is_active(b, acc->domain))
		add(b, (struct entry){ .domain = acc->domain, .local = acc->local, .name = acc->name, .shared = acc->shared,
			.address = address_name(acc->local, acc->domain, &b->v->a) });
	return true;
}

static bool several(struct str targets)
{
	size_t n = 0;

	while (targets.n > 0)
		n += str_cut(&targets, '\n').n > 0;
	return n > 1;
}

static bool list(const struct directory_alias *al, void *arg)
{
	struct book *b = arg;
	struct str local, domain;

	if (!al->unlisted && several(al->targets) && address_read(al->address, &b->v->a, &local, &domain) == 0 && sees(b, domain) && is_active(b, domain))
		add(b, (struct entry){ .domain = domain, .local = local, .address = al->address, .name = STR(""), .list = true });
	return true;
}

static int by_name(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = str_cmp(a->domain, b->domain);

	if (c == 0)
		c = str_cmp(a->local, b->local);
	return c ? c : (int)a->list - (int)b->list;
}

static int collect(struct book *b, struct str domain, struct buf *missing)
{
	const struct directory_ops *ops = b->v->d->ops;
	int r;

	if (ops->people)
		return ops->people(b->v->d, domain, person, list, b, missing);
	r = ops->accounts ? ops->accounts(b->v->d, domain, person, b) : E_UNSUPPORTED;
	return r == 0 && ops->aliases ? ops->aliases(b->v->d, domain, list, b) : r;
}

static void show(const struct book *b, struct verb_page *page)
{
	struct ipc_msg m;
	size_t i;

	for (i = 0; i < b->n && !verb_page_full(page); i++) {
		const struct entry *e = &b->entry[i];

		/* one line an address: of an account and an alias of that name the account gets the mail */
		if ((i > 0 && str_eq(e->address, e[-1].address)) || !verb_page_shows(page, e->local, e->address, e->domain, e->name))
			continue;
		ipc_init(&m, "result");
		ipc_set(&m, "address", e->address);
		ipc_set(&m, "name", e->name);
		ipc_setc(&m, "kind", e->list ? "list" : e->shared ? "shared" : "person");
		verb_row(b->v, &m);
	}
}

/* Nobody is there for who only is a person and finds nobody: that is to be said. */
static bool sees_none(const struct book *b)
{
	struct str scope;
	size_t i;

	for (i = 0; (scope = ipc_get_nth(b->v->m, "scope", i)).p; i++)
		if (str_find(scope, '@') < 0)
			return false;
	return i > 0 && b->v->conf->directory_visible == CONF_DIRECTORY_VISIBLE_OFF;
}

/* One domain alone, if it is clear which. */
static struct str only_domain(const struct book *b, struct str given)
{
	struct str scope = ipc_get(b->v->m, "scope");

	if (given.n > 0 || b->everything || ipc_get_nth(b->v->m, "scope", 1).p)
		return given;
	if (str_find(scope, '@') < 0)
		return scope;
	return b->v->conf->directory_visible == CONF_DIRECTORY_VISIBLE_DOMAIN ? domain_of(scope) : given;
}

void verb_directory_list(struct verb *v)
{
	struct book b = { .v = v, .everything = !ipc_get(v->m, "scope").p };
	struct str domain = STR("");
	struct verb_page page;
	struct buf missing;
	int r;

	if ((ipc_get(v->m, "domain").n > 0 && verb_domain(v, &domain) < 0) || verb_page(v, true, &page) < 0)
		return;
	if (sees_none(&b)) {
		verb_fail(v, EX_NOPERM, "the address book is off ([directory] visible)");
		return;
	}
	if (domain.n > 0 && !sees(&b, domain)) {
		verb_fail(v, EX_NOPERM, "the address book of %.*s is not for you ([directory] visible)", STRF(domain));
		return;
	}
	page.no_scope = true;
	buf_init(&missing, 1024);
	r = collect(&b, only_domain(&b, domain), &missing);
	if (b.n > 0)
		qsort(b.entry, b.n, sizeof(*b.entry), by_name);
	if (r == 0)
		show(&b, &page);
	if (r < 0) {
		verb_error(v, r, "user", STR(""));
	} else if (missing.n > 0) {
		verb_fail(v, EX_TEMPFAIL, "a directory cannot be read now (%.*s): its people are missing", STRF(str_trim(buf_view(&missing))));
		v->partial = true;
	}
	free(b.entry);
	buf_done(&missing);
}
