/* SPDX-License-Identifier: ISC
 *
 * sending.c: see sending.h.
 */
#include "conf/sending.h"

#define MOST 1000000000

static const struct {
	const char *name;
	int64_t seconds;
} kinds[SENDING_KINDS] = {
	[SENDING_MESSAGES_HOUR] = { "messages_hour", 3600 },
	[SENDING_MESSAGES_DAY] = { "messages_day", 86400 },
	[SENDING_RECIPIENTS_HOUR] = { "recipients_hour", 3600 },
	[SENDING_RECIPIENTS_DAY] = { "recipients_day", 86400 },
	[SENDING_NEW_DAY] = { "new_day", 86400 },
};

const char *sending_name(enum sending_kind kind)
{
	return kinds[kind].name;
}

int64_t sending_seconds(enum sending_kind kind)
{
	return kinds[kind].seconds;
}

/* NAME=N */
static int one(struct str word, struct sending_limits *io)
{
	struct str name = str_cut(&word, '=');
	uint64_t n;
	int i;

	for (i = 0; i < SENDING_KINDS; i++)
		if (str_eqc(name, kinds[i].name))
			return str_u64(word, MOST, &n) < 0 ? E_SYNTAX : (io->n[i] = n, 0);
	return E_SYNTAX;
}

int sending_parse(struct str rule, struct str *who_out, struct sending_limits *io)
{
	struct str rest = rule, who = str_cut(&rest, ' '), word;
	struct sending_limits v = *io;

	rest = str_trim(rest);
	if (who.n == 0 || rest.n == 0 || str_find(who, '=') >= 0 || str_find(who, '@') == 0 || str_has_ctl(who))
		return E_SYNTAX;
	if (str_eqc(rest, "none")) {
		v = (struct sending_limits){ 0 };
		rest = STR("");
	}
	while (rest.n > 0) {
		word = str_cut(&rest, ' ');
		if (word.n > 0 && one(word, &v) < 0)
			return E_SYNTAX;
	}
	*who_out = who;
	*io = v;
	return 0;
}

void sending_of(const struct conf *c, struct str account, struct sending_limits *out)
{
	struct str domain = str_from(account, (size_t)(str_rfind(account, '@') + 1)), who, rule;
	const struct sending_limits all = { .n = {
		[SENDING_MESSAGES_HOUR] = (uint64_t)c->send_account_messages_hour,
		[SENDING_MESSAGES_DAY] = (uint64_t)c->send_account_messages_day,
		[SENDING_RECIPIENTS_HOUR] = (uint64_t)c->send_account_recipients_hour,
		[SENDING_RECIPIENTS_DAY] = (uint64_t)c->send_account_recipients_day,
		[SENDING_NEW_DAY] = (uint64_t)c->send_account_new_day,
	} };
	const struct str *best = NULL;
	size_t i;

	for (i = 0; i < c->send_account_limits.n; i++) {
		rule = c->send_account_limits.v[i];
		who = str_cut(&rule, ' ');
		if (str_ieq(who, account)) {
			best = &c->send_account_limits.v[i];
			break;
		}
		if (!best && str_ieq(who, domain))
			best = &c->send_account_limits.v[i];
	}
	*out = all;
	if (best)
		(void)sending_parse(*best, &who, out); /* conf/check.c has read it */
}
