/* SPDX-License-Identifier: ISC
 *
 * smtpcmd.c: SMTP command lines and reply lines.
 */
#include "mail/dsn.h"
#include "mail/dsnparam.h"
#include "mail/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = str_make(data, size), args, name;
	struct smtp_path_command c;
	struct arena a;
	struct dsn d;
	uint64_t n;
	uint32_t bits;
	bool flag;
	char option = 0;
	size_t i;

	arena_init(&a);
	(void)smtp_verb_name(smtp_verb(line, &args));
	for (i = 0; i < 2; i++) {
		if (!smtp_parse_mail(args, i, &a, &c))
			BUG_ON(!i && c.addr.utf8);
		if (!smtp_parse_rcpt(args, i, &a, &c))
			BUG_ON(c.null_path);
	}
	(void)dsn_notify_parse(line, &bits);
	BUG_ON(!dsn_envid_check(line) && (line.n > DSN_ENVID_MAX || str_has_ctl(line)));
	BUG_ON(!dsn_orcpt_check(line, true) && (line.n > DSN_ORCPT_MAX || str_has_ctl(line)));
	if (!smtp_parse_bdat(args, &n, &flag))
		BUG_ON(n > INT64_MAX);
	if (!smtp_parse_helo(args, &name))
		BUG_ON(!name.n || str_has_ctl(name));
	if (!smtp_parse_etrn(args, &a, &option, &name))
		BUG_ON(!name.n || str_has_ctl(name) || str_find(name, ' ') >= 0 || (option != '#' && str_find(name, '.') <= 0));
	if (!dsn_parse_reply(line, &d, &flag))
		BUG_ON(d.code < 200 || d.code > 559);
	arena_done(&a);
	return 0;
}
