/* SPDX-License-Identifier: ISC
 *
 * ask_mailbox.c: keys of mailboxes, whose they are, and for a backup all of them: questions to authd (auth.h).
 */
#include "auth/auth_private.h"

#include <sysexits.h>

#include "base/file.h"

/* One question for at most IPC_MAX_FDS keys: descriptor "key.I" answers account I. */
static int keys_some(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	struct ipc_msg q, m;
	char name[24];
	size_t i;
	int r;

	ipc_init(&q, "keys");
	for (i = 0; i < n; i++)
		ipc_set(&q, "account", account[i]);
	r = auth_ask_ok(link, &q, &m, d);
	for (i = 0; r == 0 && i < n; i++) {
		snprintf(name, sizeof(name), "key.%u", (unsigned)i);
		key_out[i] = ipc_take_fd(&m, name);
	}
	ipc_done(&m);
	return r;
}

int auth_keys(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	size_t at, some, i;
	int r;

	for (at = 0; at < n; at += some) {
		some = MIN(n - at, (size_t)IPC_MAX_FDS);
		r = keys_some(link, account + at, some, key_out + at, d);
		if (r < 0) {
			for (i = 0; i < at; i++)
				fd_close(&key_out[i]);
			return r;
		}
	}
	return 0;
}

int auth_mailbox(int link, struct str address, struct arena *a, struct auth_target *out, int *key_out,
	const char **why_out, deadline d)
{
	struct auth_rcpt rcpt;

	*why_out = "authd does not answer; try again";
	if (auth_rcpt_own(link, address, a, &rcpt, d) < 0 || rcpt.result == AUTH_TEMP)
		return EX_TEMPFAIL;
	*why_out = arena_fmt(a, "there is no account %.*s", STRF(address));
	if (rcpt.ntargets != 1 || rcpt.noutside != 0)
		return EX_NOUSER;
	*out = rcpt.target[0];
	*why_out = arena_fmt(a, "%.*s: the mailbox cannot be opened; see the log of authd", STRF(address));
	*key_out = -1;
	if (auth_keys(link, &out->account, 1, key_out, d) < 0 || *key_out < 0)
		return EX_TEMPFAIL;
	*why_out = NULL;
	return EX_OK;
}

/* --- for a backup --------------------------------------------------------------------- */

int auth_accounts(int link, struct str after, struct arena *a, struct str **out, size_t *n_out,
	bool *more_out, deadline d)
{
	struct ipc_msg q, m;
	struct str *name;
	size_t n = 0, i;
	int r;

	ipc_init(&q, "accounts");
	ipc_set(&q, "after", after);
	r = auth_ask_ok(link, &q, &m, d);
	if (r == 0) {
		while (ipc_get_nth(&m, "account", n).p)
			n++;
		name = arena_array(a, n + 1, sizeof(*name));
		for (i = 0; i < n; i++)
			name[i] = arena_str(a, ipc_get_nth(&m, "account", i));
		*out = name;
		*n_out = n;
		*more_out = ipc_get_bool(&m, "more");
	}
	ipc_done(&m);
	return r;
}

int auth_directory_copy(int link, int *fd_out, deadline d)
{
	struct ipc_msg q, m;
	int r, fd = -1;

	ipc_init(&q, "copy");
	r = auth_ask_ok(link, &q, &m, d);
	if (r == 0)
		fd = ipc_take_fd(&m, "database");
	if (fd >= 0)
		*fd_out = fd;
	else if (r == 0)
		r = E_TEMP;
	ipc_done(&m);
	return r;
}
