/* SPDX-License-Identifier: ISC
 *
 * keys.c: the keys that sign a domain's mail (DKIM, RFC 6376), as records: signd tells them, and
 * is what the DNS shows that key? What pages for zones make of a long text is told apart, for each
 * of these mistakes looks the same from outside: a signature that nobody can verify.
 */
#include "check/domain.h"

#include <strings.h>

#define ANSWER_MS 5000
#define PIECE 255 /* bytes of one string of a TXT record (RFC 1035 3.3.14) */

static const char SIGNS[] = "DKIM: the key that signs this domain's mail. Others refuse its signature, or the mail, without it.";
static const char WAITS[] = "DKIM: the next key. It signs once the DNS shows it; publish it beside the other.";
static const char OLD[] = "DKIM: a key that signs no more. Leave it as long as it stands here: mail on its way is verified with it.";

/* --- what there should be --------------------------------------------------------------- */

const char *txt_pieces(struct arena *a, struct str text)
{
	const char *out;
	struct buf b;
	size_t at;

	buf_init(&b, 16384);
	for (at = 0; at < text.n || at == 0; at += PIECE)
		buf_fmt(&b, "%s\"%.*s\"", at ? " " : "", (int)MIN(text.n - at, (size_t)PIECE), text.p + at);
	out = arena_cstr(a, b.err ? STR("") : buf_view(&b));
	buf_done(&b);
	return out;
}

/* Another program's word: names and texts without anything that means something in a zone. */
static bool is_plain(struct str s)
{
	return s.n && !str_has_ctl(s) && str_find(s, '"') < 0 && str_find(s, '\\') < 0;
}

static void add_key(struct check *k, const struct ipc_msg *m, size_t i, struct wants *w)
{
	struct str name = ipc_get_nth(m, "name", i), value = ipc_get_nth(m, "value", i), state = ipc_get_nth(m, "state", i);
	bool old = str_eqc(state, "old"), next = str_eqc(state, "next");
	struct want *x;

	if (!is_plain(name) || !is_plain(value))
		return;
	x = wants_add(w, next || old ? NEED_SHOULD : NEED_MUST, arena_cstr(&k->a, name), DNS_TXT, txt_pieces(&k->a, value),
		old ? OLD : next ? WAITS : SIGNS);
	if (x) {
		x->key = arena_cstr(&k->a, value);
		x->life = old ? KEY_IS_OLD : next ? KEY_IS_NEXT : KEY_SIGNS;
	}
}

static int ask(struct check *k, const char *domain, struct ipc_msg *answer)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "records");
	ipc_setc(&q, "domain", domain);
	r = ipc_call(k->signd, &q, answer, deadline_in(ANSWER_MS));
	ipc_done(&q);
	return r == 0 && !ipc_is(answer, "records") ? E_PEER : r;
}

void keys_add(struct check *k, const char *domain, struct wants *w)
{
	const char *name = arena_fmt(&k->a, "SELECTOR._domainkey.%s", domain);
	size_t before = w->n, i;
	struct ipc_msg answer;
	int r = E_CLOSED;

	if (k->signd >= 0) {
		r = ask(k, domain, &answer);
		for (i = 0; r == 0 && ipc_get_nth(&answer, "name", i).p; i++)
			add_key(k, &answer, i, w);
		ipc_done(&answer);
	}
	if (r)
		wants_add(w, NEED_SHOULD, name, DNS_TXT, KEYS_UNKNOWN,
			"DKIM: the keys that sign this domain's mail. Only the running suite can tell them.");
	else if (w->n == before)
		wants_add(w, NEED_SHOULD, name, DNS_TXT, KEYS_NONE,
			arena_fmt(&k->a, "DKIM: this domain's mail is not signed. 'mansio dkim rotate %s' makes keys and shows their records.", domain));
}

bool keys_placeholder(const struct want *w)
{
	return strcmp(w->value, KEYS_UNKNOWN) == 0 || strcmp(w->value, KEYS_NONE) == 0;
}

bool keys_missing(struct check *k, const struct want *w)
{
	bool unknown = strcmp(w->value, KEYS_UNKNOWN) == 0;
	const char *domain;
	struct ipc_msg m;

	if (!keys_placeholder(w))
		return false;
	domain = w->name + strlen("SELECTOR._domainkey.");
	ipc_init(&m, "result");
	ipc_setc(&m, "name", w->name);
	ipc_setc(&m, "type", "TXT");
	ipc_setc(&m, "state", check_state_name(unknown ? CHECK_UNKNOWN : CHECK_WARN));
	ipc_setc(&m, "found", "");
	ipc_setc(&m, "expected", "");
	ipc_setc(&m, "words", unknown ? "Only the running suite can tell the keys that sign this domain's mail (DKIM)." :
		"This domain's mail leaves without a signature (DKIM): large receivers want one.");
	ipc_setc(&m, "fix", unknown ? arena_fmt(&k->a, "While Mansio runs: mansio domain check %s", domain) :
		arena_fmt(&k->a, "mansio dkim rotate %s, and publish what it shows", domain));
	check_row(k, &m);
	return true;
}

/* --- what there is ------------------------------------------------------------------------- */

/* Some pages make a record of each piece of a long text. */
static bool in_several(struct arena *a, const struct dns_answer *x, const struct want *w)
{
	size_t i, j;

	for (i = 0; i < x->n; i++)
		for (j = 0; j < x->n; j++)
			if (i != j && key_compare(a, str_of(arena_fmt(a, "%.*s%.*s", STRF(x->record[i].data), STRF(x->record[j].data))),
				str_of(w->key)) == KEY_SAME)
				return true;
	return false;
}

/* Others add the domain to a name that has it. */
static const char *twice(struct domain_check *d, const struct want *w)
{
	const char *name = arena_fmt(&d->k->a, "%s.%s", w->name, d->domain);
	struct dns_answer x;
	size_t i;

	if (strlen(name) > 250)
		return NULL;
	resolver_ask(d->k->resolver, &d->k->a, name, DNS_TXT, check_wait(d->k), &x);
	for (i = 0; i < x.n; i++)
		if (key_compare(&d->k->a, x.record[i].data, str_of(w->key)) == KEY_SAME)
			return name;
	return NULL;
}

static struct finding judge_none(struct domain_check *d, const struct want *w)
{
	struct arena *a = &d->k->a;
	const char *name = twice(d, w);
	struct str label = str_of(w->name);

	label.n -= MIN(label.n, strlen(d->domain) + 1);
	if (name)
		return finding(missing(w), arena_fmt(a, "It stands at %s: the page for the zone adds the domain by itself.", name),
			arena_fmt(a, "Enter as its name only: %.*s", STRF(label)));
	if (w->life == KEY_IS_NEXT)
		return finding(CHECK_WARN, "The next key is not published yet: the old ones go on signing until it is.", publish(d, w));
	if (w->life == KEY_IS_OLD)
		return finding(CHECK_WARN, "A key that signed until lately is gone: what it signed and is on its way cannot be verified.",
			arena_fmt(a, "Put it back until 'mansio dkim list' shows it no more. %s", publish(d, w)));
	return finding(CHECK_FAIL, "The key that signs this domain's mail is not published: its signatures count for nothing.", publish(d, w));
}

static struct finding judge_fault(struct domain_check *d, const struct want *w, enum key_fault fault, struct str found)
{
	struct arena *a = &d->k->a;
	enum check_state bad = w->life == KEY_SIGNS ? CHECK_FAIL : CHECK_WARN;

	switch (fault) {
	case KEY_QUOTED:
		return finding(bad, "Quotation marks or backslashes became part of the text: nobody can read the key.",
			arena_fmt(a, "Enter it without any: %s", w->key));
	case KEY_CUT:
		return finding(bad, arena_fmt(a, "The text was cut off after %zu bytes: the page for the zone takes no longer ones.", found.n),
			arena_fmt(a, "Enter it in quoted pieces, all in one record: %s", w->value));
	case KEY_REVOKED:
		return finding(bad, "The record says that this key is revoked (p= is empty).", publish(d, w));
	case KEY_BROKEN:
		return finding(bad, "The text is no key that DKIM can read.", arena_fmt(a, "Replace it. %s", publish(d, w)));
	case KEY_OTHER:
		return finding(bad, "It is another key than the one of this host: its signatures do not hold.",
			arena_fmt(a, "Replace it. %s", publish(d, w)));
	case KEY_ON_TRIAL:
		return finding(CHECK_WARN, "The record says that it is on trial (t=y): receivers may take the mail as if it had no signature.",
			"Take t=y out.");
	default:
		return finding(CHECK_OK, w->life == KEY_SIGNS ? "It is the key that signs." : w->life == KEY_IS_NEXT ?
			"It is the next key: it signs soon." : "It signs no more; leave it until 'mansio dkim list' shows it no more.", NULL);
	}
}

struct finding judge_key(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	enum key_fault fault = KEY_OTHER, one;
	struct arena *a = &d->k->a;
	size_t i, best = 0;

	if (!x->n)
		return judge_none(d, w);
	for (i = 0; i < x->n; i++) {
		one = key_compare(a, x->record[i].data, str_of(w->key));
		if (i == 0 || one < fault) {
			fault = one;
			best = i;
		}
	}
	if (x->n > 1 && fault != KEY_SAME && in_several(a, x, w))
		return finding(w->life == KEY_SIGNS ? CHECK_FAIL : CHECK_WARN, "Its pieces became records of their own: nobody puts them together.",
			arena_fmt(a, "Enter them as one record: %s", w->value));
	if (x->n > 1 && fault == KEY_SAME)
		return finding(CHECK_WARN, "Other texts stand at the same name: receivers may take one of them for the key.",
			arena_fmt(a, "Leave only: %s", w->value));
	return judge_fault(d, w, fault, x->record[best].data);
}
