/* SPDX-License-Identifier: ISC
 *
 * address_table.c: fuzz target of the files with rules (auth/rulefile.h): what is accepted is a
 * table in which each rule is found, in order, without control characters, and which says
 * the same when it is read as a file; what is refused is told by line. Any bytes may be
 * searched as a table.
 */
#include "auth/auth.h"
#include "auth/rulefile.h"
#include "auth/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct check {
	struct str table, last_kind, last_who;
	struct buf access, rewrite; /* the rules as files */
	size_t n;
};

static bool look(const struct directory_rule *v, void *arg)
{
	bool rewrite = str_starts(v->kind, "rewrite ");
	struct check *c = arg;
	struct directory_rule found;
	struct buf *to = rewrite ? &c->rewrite : &c->access;

	BUG_ON(v->kind.n == 0 || v->who.n == 0 || v->action.n == 0 || v->text.n > RULE_TEXT_MAX || v->comment.n > RULE_TEXT_MAX);
	BUG_ON(str_has_ctl(v->who) || str_has_ctl(v->action) || str_has_ctl(v->text));
	BUG_ON(rulefile_find(c->table, v->kind, v->who, &found) != 0 || !str_eq(found.action, v->action));
	BUG_ON(!rulefile_has(c->table, v->kind));
	BUG_ON(str_eq(c->last_kind, v->kind) && str_cmp(c->last_who, v->who) >= 0);
	c->last_kind = v->kind;
	c->last_who = v->who;
	c->n++;
	buf_fmt(to, "%.*s %.*s %.*s %.*s\n", STRF(rewrite ? str_from(v->kind, 8) : v->kind), STRF(v->who), STRF(v->action),
		STRF(v->text));
	return true;
}

static bool count(const struct directory_rule *v, void *arg)
{
	size_t *n = arg;

	(void)v;
	++*n;
	return true;
}

static void again(struct check *c)
{
	struct auth_rule_files f = { .access = buf_view(&c->access), .rewrite = buf_view(&c->rewrite), .access_name = "a",
		.rewrite_name = "r", .max = c->n, .certificates = true };
	struct buf table, errors;
	size_t n = 0;

	buf_init(&table, 1 << 24);
	buf_init(&errors, 1 << 16);
	BUG_ON(auth_rules_compile(&f, &table, &errors) != 0);
	rulefile_each(buf_view(&table), count, &n);
	BUG_ON(n != c->n);
	buf_done(&table);
	buf_done(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size), second = STR("");
	ssize_t cut = str_search(text, STR("\n--\n"));
	struct auth_rule_files f = { .access_name = "access", .rewrite_name = "rewrite", .max = 1000, .certificates = true };
	struct check c = { .n = 0 };
	struct directory_rule v;
	struct buf table, errors;
	size_t n = 0;
	int r;

	if (cut >= 0) {
		second = str_from(text, (size_t)cut + 4);
		text = str_sub(text, 0, (size_t)cut + 1);
	}
	f.access = text;
	f.rewrite = second;
	buf_init(&table, 1 << 24);
	buf_init(&errors, 1 << 16);
	r = auth_rules_compile(&f, &table, &errors);
	BUG_ON((r == 0) == (errors.n > 0));
	if (r == 0) {
		buf_init(&c.access, 1 << 24);
		buf_init(&c.rewrite, 1 << 24);
		c.table = buf_view(&table);
		rulefile_each(c.table, look, &c);
		again(&c);
		buf_done(&c.access);
		buf_done(&c.rewrite);
	} else {
		BUG_ON(str_search(buf_view(&errors), STR(":")) < 0);
	}
	(void)rulefile_find(str_make(data, size), STR(RULE_SENDER), STR("@example.org"), &v);
	(void)rulefile_has(str_make(data, size), STR(RULE_CLIENT));
	rulefile_each(str_make(data, size), count, &n);
	buf_done(&table);
	buf_done(&errors);
	return 0;
}
