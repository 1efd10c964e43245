/* SPDX-License-Identifier: ISC
 *
 * cmd_getquota.c: GETQUOTA and GETQUOTAROOT (RFC 9208 4.1). A person's mailboxes share
 * one quota root, named "". Its limits are the account's; nobody changes them by
 * IMAP, so QUOTASET is not offered and there is no SETQUOTA.
 */
#include "imap/commands.h"
#include "imap/parse.h"

static uint64_t kilobytes(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

/* * QUOTA "" (STORAGE used limit MESSAGE used limit): what has no limit is not listed. */
static int tell_quota(struct imap_session *s)
{
	uint64_t bytes_max, messages_max, bytes, messages;
	int r = 0;

	store_quota(s->store, &bytes_max, &messages_max);
	if (bytes_max || messages_max)
		r = store_usage(s->store, &bytes, &messages);
	if (r)
		return r;
	stream_puts(s->stream, "* QUOTA \"\" (");
	if (bytes_max)
		stream_fmt(s->stream, "STORAGE %llu %llu", (unsigned long long)kilobytes(bytes),
			(unsigned long long)kilobytes(bytes_max));
	if (messages_max)
		stream_fmt(s->stream, "%sMESSAGE %llu %llu", bytes_max ? " " : "", (unsigned long long)messages,
			(unsigned long long)messages_max);
	stream_puts(s->stream, ")\r\n");
	return 0;
}

/* getquota = "GETQUOTA" SP quota-root-name */
void cmd_getquota(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct str root;
	int r;

	if (!cur_take(&c, ' ') || imap_parse_astring(&c, &s->a, &root) != 1) {
		imap_bad(s, "Quota root expected");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	if (root.n) {
		imap_no(s, "[NONEXISTENT] There is no such quota root");
		return;
	}
	r = tell_quota(s);
	if (r)
		imap_error(s, r, "GETQUOTA");
	else
		imap_ok(s, "Getquota completed");
}

/* getquotaroot = "GETQUOTAROOT" SP mailbox, which need not exist */
void cmd_getquotaroot(struct imap_session *s)
{
	struct str name;
	struct buf b;
	int r;

	if (!imap_only_mailbox(s, &name))
		return;
	buf_init(&b, 16 * IMAP_NAME_MAX);
	imap_print_mailbox(name, &b);
	stream_fmt(s->stream, "* QUOTAROOT %.*s \"\"\r\n", STRF(buf_view(&b)));
	buf_done(&b);
	r = tell_quota(s);
	if (r)
		imap_error(s, r, "GETQUOTAROOT");
	else
		imap_ok(s, "Getquotaroot completed");
}
