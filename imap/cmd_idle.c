/* SPDX-License-Identifier: ISC
 *
 * cmd_idle.c: IDLE (RFC 2177): the client waits, and is told what changes.
 *
 * Whoever changes a folder sends a datagram to our notify socket, so new mail
 * shows at once; programs that know nothing of us (a foreign MDA, rm) are seen
 * by looking again every POLL_MS. When nothing came for [imap] hibernate_after
 * the session goes to sleep (hibernate.c).
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

static deadline bedtime(const struct imap_session *s)
{
	return s->conf->imap_hibernate_after ? deadline_in(s->conf->imap_hibernate_after) : DEADLINE_NEVER;
}

/* Tells what changed. True if something did. */
static bool look(struct imap_session *s)
{
	uint64_t before = s->stream->bytes_out + s->stream->out.n;

	store_notify_clear(s->store);
	imap_tell(s, true);
	arena_reset(&s->a);
	return s->stream->bytes_out + s->stream->out.n != before;
}

/* How long to wait before something is to be done, in ms. */
static int patience(const struct imap_session *s, deadline end, deadline sleep_at)
{
	int ms = deadline_left(end);

	if (s->view)
		ms = MIN(ms, POLL_MS);
	return sleep_at ? MIN(ms, deadline_left(sleep_at)) : ms;
}

void cmd_idle(struct imap_session *s)
{
	deadline end = deadline_in(s->woken_idle ? s->handover->idle_left : s->conf->imap_idle_timeout);
	deadline sleep_at = bedtime(s);
	int fd = s->view ? store_notify_fd(s->store) : -1;

	if (!s->woken_idle)
		stream_puts(s->stream, "+ idling\r\n");
	s->woken_idle = false;
	for (;;) {
		int r;

		if (s->view && look(s))
			sleep_at = bedtime(s);
		if (s->ending)
			break;
		r = stream_wait(s->stream, fd, deadline_in(patience(s, end, sleep_at)));
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
		if (!r && sleep_at && deadline_passed(sleep_at)) {
			if (imap_sleep(s, end))
				return;
			sleep_at = bedtime(s);
		}
	}
	if (s->ending)
		imap_no(s, "Idle ended by the server");
	else
		end_idle(s);
}
