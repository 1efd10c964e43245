/* SPDX-License-Identifier: ISC
 *
 * hibernate.c: an IMAP session without a process (DESIGN.md 4).
 *
 *   IDLE, quiet --imap_sleep--> text, client, notify socket at front; exit
 *   news, or the client speaks: front hands all of it to a new room --imap_wake--> IDLE or
 *   the next command, as if nothing had been
 *
 * All that the session is goes into the text: the account, the view as its client
 * knows it (store_view_freeze), what ENABLE turned on, counters. The rest front keeps as it is (tag of the
 * IDLE, bytes, deadlines; net/handover.h). What no text can hold keeps the session
 * awake (imap_stays_awake): whoever gives a session more to remember either prints
 * and reads it here or adds a reason there.
 *
 * Always true: the text is believed for nothing but what the client was shown of its
 * own mailbox. Identity comes from authd by the ticket, and a text of another account
 * is refused, so that a mix-up at front opens nothing. What does not fit any more
 * ends in BYE, never in wrong sequence numbers.
 */
#include "imap/commands.h"

#define VERB "imap-asleep"

const char *imap_stays_awake(const struct imap_session *s)
{
	if (!s->handover->may_sleep)
		return "the door has no place";
	if (!s->handover->ticket.n)
		return "login is too old";
	if (!s->conf->imap_hibernate_after)
		return "switched off";
	if (stream_view(s->stream).n || s->stream->out.n)
		return "bytes are on their way";
	if (s->saved.n)
		return "a search result is saved";
	if (store_notify_fd(s->store) < 0)
		return "nothing would tell it of news";
	return NULL;
}

/* --- the text ------------------------------------------------------------------ */

static int print_state(const struct imap_session *s, struct buf *out)
{
	struct buf view;
	struct ipc_msg m;
	int err = 0;

	buf_init(&view, STORE_FROZEN_MAX);
	ipc_init(&m, VERB);
	ipc_set(&m, "user", s->user);
	ipc_set_bool(&m, "condstore", s->condstore);
	ipc_set_bool(&m, "qresync", s->qresync);
	ipc_set_u64(&m, "commands", s->commands);
	ipc_set_u64(&m, "fetched", s->fetched);
	ipc_set_u64(&m, "appended", s->appended);
	ipc_set_u64(&m, "expunged", s->expunged);
	if (s->view) {
		err = store_view_freeze(s->view, &view);
		ipc_set(&m, "view", buf_view(&view));
	}
	if (!err)
		err = ipc_print(&m, out);
	ipc_done(&m);
	buf_done(&view);
	return err;
}

static int get_count(const struct ipc_msg *m, const char *name, uint64_t *out)
{
	return ipc_get_u64(m, name, UINT64_MAX, out) < 0 ? E_SYNTAX : 0;
}

/* The text of this account's session, into s; view_out borrows from m, p NULL: none was selected. */
static int read_state(struct imap_session *s, struct ipc_msg *m, struct str *view_out)
{
	int err = ipc_parse(s->handover->state, m);

	if (err || !ipc_is(m, VERB))
		return E_SYNTAX;
	if (!str_eq(ipc_get(m, "user"), s->user))
		return E_DENIED;
	if (get_count(m, "commands", &s->commands) || get_count(m, "fetched", &s->fetched) ||
		get_count(m, "appended", &s->appended) || get_count(m, "expunged", &s->expunged))
		return E_SYNTAX;
	s->condstore = ipc_get_bool(m, "condstore");
	s->qresync = ipc_get_bool(m, "qresync");
	*view_out = ipc_get(m, "view");
	return 0;
}

/* --- to sleep ------------------------------------------------------------------- */

static int send_sleep(struct imap_session *s, struct str state, deadline end)
{
	struct handover h = *s->handover;
	char look[STORE_LOOK] = "";
	struct ipc_msg m;
	int err;

	if (s->view)
		store_look(s->view, look);
	h.tag = s->in.tag;
	h.command = STR_NONE;
	h.errors = s->bad;
	h.state = state;
	h.look = str_of(look);
	h.idle_left = (uint32_t)MAX(deadline_left(end), 1);
	ipc_init(&m, "sleep");
	handover_print(&h, &m);
	ipc_add_fd(&m, "client", s->stream->fd);
	ipc_add_fd(&m, "notify", store_notify_fd(s->store));
	err = ipc_try_send(s->stream->lease, &m);
	ipc_done(&m);
	return err;
}

bool imap_sleep(struct imap_session *s, deadline end)
{
	struct buf state;
	int err;

	if (imap_stays_awake(s))
		return false;
	buf_init(&state, 2 * STORE_FROZEN_MAX);
	err = print_state(s, &state);
	if (!err)
		err = send_sleep(s, buf_view(&state), end);
	buf_done(&state);
	if (err)
		return false;
	store_notify_leave(s->store);
	s->asleep = s->ending = true;
	return true;
}

/* --- awake ----------------------------------------------------------------------- */

bool imap_wake(struct imap_session *s)
{
	struct str view = STR_NONE;
	struct ipc_msg m;
	int err = read_state(s, &m, &view);

	if (!err && view.p)
		err = store_view_thaw(s->store, view, &s->view);
	ipc_done(&m);
	if (err) {
		trace_event(TRACE_INFO, "wake-failed", arena_cstr(&s->a, s->id), "%s", err_text(err));
		imap_bye(s, err == E_TEMP ? "[UNAVAILABLE] Mailbox is busy, try again later" :
			"[UNAVAILABLE] Mailbox was deleted or changed its identity");
		return false;
	}
	if (s->handover->tag.n)
		s->woken_idle = true;
	else
		imap_tell(s, false); /* between commands: all but EXPUNGE (RFC 3501 7.4.1) */
	return true;
}
