/* SPDX-License-Identifier: ISC
 *
 * lmtp.c: what an LMTP client may send, through the whole command loop of a
 * child of lmtpd: no recipient exists, so no mailbox is touched.
 */
#include "delivery/session.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	(void)link;
	(void)address;
	(void)a;
	(void)d;
	*out = (struct auth_rcpt){ .result = AUTH_UNKNOWN };
	return 0;
}

int auth_rcpt_key(int link, struct str address, struct arena *a, struct auth_rcpt *out, int *key_out, deadline d)
{
	*key_out = -1;
	return auth_rcpt(link, address, a, out, d);
}

int auth_forward_sender(int link, struct str sender, struct str domain, struct arena *a, struct str *out, bool *ours_out, deadline d)
{
	(void)link;
	(void)domain;
	(void)a;
	(void)d;
	*out = sender;
	*ours_out = false;
	return 0;
}

int auth_keys(int link, const struct str *account, size_t n, int *key_out, deadline d)
{
	(void)link;
	(void)account;
	(void)n;
	(void)key_out;
	(void)d;
	return E_DENIED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf *conf;
	struct session s = { .hostname = "mx.example.org", .authd = -1, .parent = -1, .may_serve = 2 };
	struct ipc_msg m;
	int client[2];

	if (!conf) {
		conf = conf_defaults();
		conf->smtp_message_size = 4096;
		trace_open(open("/dev/null", O_WRONLY), "lmtpd");
	}
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, client))
		return 0;
	BUG_ON(write(client[0], data, size) != (ssize_t)size);
	shutdown(client[0], SHUT_WR);
	s.conf = conf;
	ipc_init(&m, "accept");
	session_init(&s, &m, client[1]);
	session_run(&s);
	session_done(&s);
	ipc_done(&m);
	close(client[0]);
	return 0;
}
