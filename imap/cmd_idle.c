/* SPDX-License-Identifier: ISC
 *
 * cmd_idle.c: IDLE (RFC 2177): the client waits, and is told what changes.
 *
 * Whoever changes a folder sends a datagram to our notify socket, so new mail
 * shows at once; programs that know nothing of us (a foreign MDA, rm) are seen
 * by looking again every POLL_MS. Hibernation will begin here (session.c).
 */
#include "imap/commands.h"

#define POLL_MS 15000
#define DONE_MAX 1024

/* Something came from the client: DONE, and nothing else (RFC 2177 3). */
static void end_idle(struct imap_session *s)
{
	struct str line;
	int r = stream_line(s->stream, DONE_MAX, &line);

	if (!r && str_ieqc(line, "DONE"))
		imap_ok(s, "Idle completed");
	else
		imap_bad(s, "DONE expected");
}

void cmd_idle(struct imap_session *s)
{
	deadline end = deadline_in(s->conf->imap_idle_timeout);
	int fd = s->view ? store_notify_fd(s->store) : -1;

	stream_puts(s->stream, "+ idling\r\n");
	for (;;) {
		int left, r;

		if (s->view) {
			store_notify_clear(s->store);
			imap_tell(s, true);
			arena_reset(&s->a);
		}
		if (s->ending)
			break;
		left = deadline_left(end);
		r = stream_wait(s->stream, fd, deadline_in(s->view ? MIN(left, POLL_MS) : left));
		if (r < 0) { /* the loop finds it again and says BYE */
			imap_no(s, "Idle ended");
			return;
		}
		if (r & 1)
			break;
		if (deadline_passed(end)) {
			imap_bye(s, "Autologout, idle for too long");
			break;
		}
	}
	if (s->ending)
		imap_no(s, "Idle ended by the server");
	else
		end_idle(s);
}
