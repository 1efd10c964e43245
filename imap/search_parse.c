/* SPDX-License-Identifier: ISC
 *
 * search_parse.c: the grammar of SEARCH (RFC 3501 9: search, search-key; RFC 4731 4, RFC 5032 3,
 * RFC 5182 3, RFC 7162 7).
 *
 * No recursion: a stack of open AND, OR and NOT, each of which knows how many
 * keys it still wants. OR and NOT are prefix operators, so a closing may end
 * several of them. Afterwards the keys of every AND and OR are put in the order
 * of their cost, the cheap ones first.
 */
#include "imap/search.h"

#include "imap/body.h"
#include "imap/parse.h"
#include "mail/charset.h"
#include "mail/date.h"
#include "store/store.h"

#define UNTIL_PAREN (-1) /* wants keys until ")" */
#define UNTIL_END (-2)
#define FOLD_MAX (1 << 20)

struct open_node {
	uint16_t node, last; /* its last child, 0: none */
	int wants; /* keys, or UNTIL_* */
};

struct parser {
	struct cur *c;
	struct arena *a;
	struct search_node *node;
	size_t n;
	struct open_node stack[SEARCH_NODES];
	size_t depth;
	struct str charset;
	bool modseq, numbers;
};

enum arg {
	ARG_NONE, ARG_STRING, ARG_FIELD, ARG_HEADER, ARG_DATE, ARG_NUMBER, ARG_SECONDS, ARG_MODSEQ, ARG_KEYWORD,
	ARG_UIDS,
};

static const struct key {
	const char *word;
	enum search_op op;
	enum arg arg;
	unsigned bits;
} keys[] = {
	{ "ALL", SEARCH_AND, ARG_NONE },
	{ "ANSWERED", SEARCH_FLAG, ARG_NONE, STORE_ANSWERED },
	{ "BCC", SEARCH_HEADER, ARG_FIELD },
	{ "BEFORE", SEARCH_BEFORE, ARG_DATE },
	{ "BODY", SEARCH_BODY, ARG_STRING },
	{ "CC", SEARCH_HEADER, ARG_FIELD },
	{ "DELETED", SEARCH_FLAG, ARG_NONE, STORE_DELETED },
	{ "DRAFT", SEARCH_FLAG, ARG_NONE, STORE_DRAFT },
	{ "FLAGGED", SEARCH_FLAG, ARG_NONE, STORE_FLAGGED },
	{ "FROM", SEARCH_HEADER, ARG_FIELD },
	{ "HEADER", SEARCH_HEADER, ARG_HEADER },
	{ "KEYWORD", SEARCH_KEYWORD, ARG_KEYWORD },
	{ "LARGER", SEARCH_LARGER, ARG_NUMBER },
	{ "MODSEQ", SEARCH_MODSEQ, ARG_MODSEQ },
	{ "NEW", SEARCH_NEW, ARG_NONE },
	{ "OLD", SEARCH_NOFLAG, ARG_NONE, STORE_RECENT },
	{ "OLDER", SEARCH_OLDER, ARG_SECONDS },
	{ "ON", SEARCH_ON, ARG_DATE },
	{ "RECENT", SEARCH_FLAG, ARG_NONE, STORE_RECENT },
	{ "SEEN", SEARCH_FLAG, ARG_NONE, STORE_SEEN },
	{ "SENTBEFORE", SEARCH_SENTBEFORE, ARG_DATE },
	{ "SENTON", SEARCH_SENTON, ARG_DATE },
	{ "SENTSINCE", SEARCH_SENTSINCE, ARG_DATE },
	{ "SINCE", SEARCH_SINCE, ARG_DATE },
	{ "SMALLER", SEARCH_SMALLER, ARG_NUMBER },
	{ "SUBJECT", SEARCH_HEADER, ARG_FIELD },
	{ "TEXT", SEARCH_TEXT, ARG_STRING },
	{ "TO", SEARCH_HEADER, ARG_FIELD },
	{ "UID", SEARCH_UIDS, ARG_UIDS },
	{ "UNANSWERED", SEARCH_NOFLAG, ARG_NONE, STORE_ANSWERED },
	{ "UNDELETED", SEARCH_NOFLAG, ARG_NONE, STORE_DELETED },
	{ "UNDRAFT", SEARCH_NOFLAG, ARG_NONE, STORE_DRAFT },
	{ "UNFLAGGED", SEARCH_NOFLAG, ARG_NONE, STORE_FLAGGED },
	{ "UNSEEN", SEARCH_NOFLAG, ARG_NONE, STORE_SEEN },
	{ "YOUNGER", SEARCH_YOUNGER, ARG_SECONDS },
	{ "UNKEYWORD", SEARCH_KEYWORD, ARG_KEYWORD, 1 },
};

static struct search_node *add(struct parser *p, enum search_op op)
{
	struct open_node *top = &p->stack[p->depth - 1];
	uint16_t at = (uint16_t)p->n;

	if (p->n == SEARCH_NODES)
		return NULL;
	p->n++;
	p->node[at].op = op;
	if (top->last)
		p->node[top->last].next = at;
	else
		p->node[top->node].child = at;
	top->last = at;
	if (top->wants > 0)
		top->wants--;
	return &p->node[at];
}

static int open_key(struct parser *p, enum search_op op, int wants)
{
	struct search_node *n = add(p, op);

	if (!n)
		return E_LIMIT;
	p->stack[p->depth++] = (struct open_node){ .node = (uint16_t)(n - p->node), .wants = wants };
	return 1;
}

static struct str folded(struct parser *p, struct str s, bool convert)
{
	struct buf utf8, b;
	struct str out;

	buf_init(&utf8, FOLD_MAX);
	buf_init(&b, FOLD_MAX);
	if (!convert || str_ieqc(p->charset, "UTF-8") || str_ieqc(p->charset, "US-ASCII") ||
		charset_to_utf8(p->charset, s, &utf8))
		buf_str(&utf8, s);
	charset_fold(buf_view(&utf8), &b);
	out = arena_str(p->a, buf_view(&b));
	buf_done(&utf8);
	buf_done(&b);
	return out;
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, s.n);
}

/* date = date-text / DQUOTE date-text DQUOTE */
static int parse_date(struct parser *p, int64_t *out)
{
	struct str s;

	if (imap_parse_astring(p->c, p->a, &s) != 1 || date_imap_day(s, out))
		return E_SYNTAX;
	return 1;
}

static int parse_header(struct parser *p, struct search_node *n)
{
	struct str field, text;

	if (imap_parse_astring(p->c, p->a, &field) != 1 || !cur_take(p->c, ' ') ||
		imap_parse_search_string(p->c, p->a, &text) != 1)
		return E_SYNTAX;
	n->field = lower(p->a, field);
	n->text = folded(p, text, true);
	return 1;
}

/* [entry-name SP entry-type-req SP] mod-sequence-valzer. Each message has one MODSEQ for
 * all its metadata, so name and type say nothing (RFC 7162 3.1.5). */
static int parse_modseq(struct parser *p, struct search_node *n)
{
	struct str name, type;

	p->modseq = true;
	if (cur_peek(p->c) == '"' &&
		(imap_parse_quoted(p->c, p->a, &name) != 1 || !str_istarts(name, "/flags/") ||
			!cur_take(p->c, ' ') || imap_parse_atom(p->c, &type) != 1 ||
			!(str_ieqc(type, "priv") || str_ieqc(type, "shared") || str_ieqc(type, "all")) ||
			!cur_take(p->c, ' ')))
		return E_SYNTAX;
	return imap_parse_modseq(p->c, &n->n) == 1 ? 1 : E_SYNTAX;
}

/* A sequence-set of UIDs, or "$". */
static int parse_uids(struct parser *p, struct search_node *n)
{
	if (cur_take(p->c, '$')) {
		n->op = SEARCH_SAVED;
		return 1;
	}
	return imapset_parse(p->c, p->a, &n->set) == 1 ? 1 : E_SYNTAX;
}

static int parse_arg(struct parser *p, const struct key *k, struct search_node *n)
{
	struct str s;

	if (k->arg == ARG_NONE)
		return 1;
	if (!cur_take(p->c, ' '))
		return E_SYNTAX;
	switch (k->arg) {
	case ARG_FIELD:
		n->field = lower(p->a, str_of(k->word));
		/* fall through */
	case ARG_STRING:
		if (imap_parse_search_string(p->c, p->a, &s) != 1)
			return E_SYNTAX;
		n->text = folded(p, s, true);
		return 1;
	case ARG_HEADER:
		return parse_header(p, n);
	case ARG_DATE:
		return parse_date(p, &n->day);
	case ARG_NUMBER:
		return cur_u64(p->c, UINT32_MAX, &n->n) == 1 ? 1 : E_SYNTAX;
	case ARG_SECONDS:
		return cur_u64(p->c, UINT32_MAX, &n->n) == 1 && n->n ? 1 : E_SYNTAX;
	case ARG_MODSEQ:
		return parse_modseq(p, n);
	case ARG_KEYWORD:
		return imap_parse_atom(p->c, &n->text) == 1 ? 1 : E_SYNTAX;
	default:
		return parse_uids(p, n);
	}
}

/* UNKEYWORD x is NOT (KEYWORD x); the others are their node alone. */
static int parse_word(struct parser *p, struct str word)
{
	struct search_node *n;
	size_t i;
	int r;

	for (i = 0; i < ARRAY_LEN(keys) && !str_ieqc(word, keys[i].word); i++)
		;
	if (i == ARRAY_LEN(keys))
		return E_SYNTAX;
	if (keys[i].op == SEARCH_KEYWORD && keys[i].bits) {
		r = open_key(p, SEARCH_NOT, 1);
		if (r != 1)
			return r;
	}
	n = add(p, keys[i].op);
	if (!n)
		return E_LIMIT;
	n->bits = keys[i].bits;
	return parse_arg(p, &keys[i], n);
}

static int parse_set(struct parser *p)
{
	struct search_node *n = add(p, SEARCH_NUMBERS);

	if (!n)
		return E_LIMIT;
	p->numbers |= cur_peek(p->c) != '$';
	return parse_uids(p, n);
}

static int parse_key(struct parser *p)
{
	struct str word;
	int b = cur_peek(p->c);

	if (cur_take(p->c, '('))
		return open_key(p, SEARCH_AND, UNTIL_PAREN);
	if ((b >= '0' && b <= '9') || b == '*' || b == '$')
		return parse_set(p);
	word = cur_span(p->c, imap_class, IMAP_C_WORD);
	if (str_ieqc(word, "OR"))
		return open_key(p, SEARCH_OR, 2);
	if (str_ieqc(word, "NOT"))
		return open_key(p, SEARCH_NOT, 1);
	return parse_word(p, word);
}

/* Ends what is complete: satisfied OR and NOT, and AND at its ")". */
static void close_keys(struct parser *p)
{
	for (;;) {
		struct open_node *top = &p->stack[p->depth - 1];

		if (top->wants == UNTIL_END || top->wants > 0)
			return;
		if (top->wants == UNTIL_PAREN && (!top->last || !cur_take(p->c, ')')))
			return;
		p->depth--;
	}
}

/* The children's cost decides; keys that cost the same stay in order. */
static void order_children(struct search_node *node, uint16_t parent)
{
	uint16_t first[4] = { 0 }, last[4] = { 0 }, at, next, *link = &node[parent].child;
	uint8_t cost = 0;
	int i;

	for (at = node[parent].child; at; at = next) {
		next = node[at].next;
		i = node[at].cost;
		cost = MAX(cost, node[at].cost);
		node[at].next = 0;
		if (last[i])
			node[last[i]].next = at;
		else
			first[i] = at;
		last[i] = at;
	}
	for (i = 0; i < 4; i++)
		if (first[i]) {
			*link = first[i];
			link = &node[last[i]].next;
		}
	node[parent].cost = cost;
}

/* A child has a higher index than its parent: from the end to the front. */
static void set_costs(struct search_node *node, size_t n)
{
	while (n--) {
		switch (node[n].op) {
		case SEARCH_AND:
		case SEARCH_OR:
		case SEARCH_NOT:
			order_children(node, (uint16_t)n);
			break;
		case SEARCH_SENTBEFORE:
		case SEARCH_SENTON:
		case SEARCH_SENTSINCE:
			node[n].cost = 1;
			break;
		case SEARCH_HEADER:
			node[n].cost = imap_header_is_common(node[n].field) ? 1 : 2;
			break;
		case SEARCH_BODY:
		case SEARCH_TEXT:
			node[n].cost = 3;
			break;
		default:
			break;
		}
	}
}

/* [SP "CHARSET" SP astring] */
static int parse_charset(struct parser *p)
{
	p->charset = STR("UTF-8");
	if (!cur_iword(p->c, " CHARSET "))
		return 1;
	if (imap_parse_astring(p->c, p->a, &p->charset) != 1)
		return E_SYNTAX;
	return charset_known(p->charset) ? 1 : E_UNSUPPORTED;
}

/* [SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"] */
static int parse_return(struct cur *c, struct search *out)
{
	static const char *const known[] = { "MIN", "MAX", "ALL", "COUNT", "SAVE" };
	struct str word;
	size_t i;

	if (!cur_iword(c, " RETURN ("))
		return 1;
	out->extended = true;
	if (cur_take(c, ')')) {
		out->want = SEARCH_RETURN_ALL;
		return 1;
	}
	do {
		word = cur_span(c, imap_class, IMAP_C_WORD);
		for (i = 0; i < ARRAY_LEN(known) && !str_ieqc(word, known[i]); i++)
			;
		if (i == ARRAY_LEN(known))
			return E_SYNTAX;
		out->want |= 1u << i;
	} while (cur_take(c, ' '));
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

int search_parse(struct cur *c, struct arena *a, struct search *out)
{
	struct parser *p = ARENA_NEW(a, struct parser);
	int r;

	memset(out, 0, sizeof *out);
	p->c = c;
	p->a = a;
	p->node = arena_array(a, SEARCH_NODES, sizeof *p->node);
	p->n = 1;
	p->stack[p->depth++] = (struct open_node){ .wants = UNTIL_END };
	r = parse_return(c, out);
	if (r == 1)
		r = parse_charset(p);
	while (r == 1) {
		/* no space behind "(" and before ")" */
		struct open_node *top = &p->stack[p->depth - 1];

		if (!(top->wants == UNTIL_PAREN && !top->last) && !cur_take(c, ' '))
			return E_SYNTAX;
		r = parse_key(p);
		if (r == 1)
			close_keys(p);
		if (r == 1 && cur_end(c) && p->depth == 1)
			break;
	}
	if (r != 1)
		return r;
	set_costs(p->node, p->n);
	out->node = p->node;
	out->n = p->n;
	out->modseq = p->modseq;
	out->numbers = p->numbers;
	return 1;
}
