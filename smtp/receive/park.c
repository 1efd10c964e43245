/* SPDX-License-Identifier: ISC
 *
 * park.c: a transaction whose client is silent sleeps at the door (net/handover.h).
 * There are few smtpds and many who could stall in the middle of a message
 * (C26); front can hold thousands.
 *
 *   talking --silent for smtp.park_after--> what was said goes back with the session
 *   the client goes on --> any smtpd goes through it again without a word --> talking
 *
 * Kept are the commands that were accepted and the raw bytes of the message, up
 * to PARK_MAX; `swallow` counts the replies that the client has already. A
 * session with more than that, or with something that cannot be said again (a
 * refused chunk), is not parked; silent ones of these are told to front.
 * When the second time brings another answer (a mailbox is full now), the
 * session ends with 421 and the client tries again.
 */
#include "smtp/receive/session.h"

#define PARK_MAX (12 * 1024) /* less than front sends at once: COMMAND_PUMPED */

void park_line(struct session *s, struct str line)
{
	park_bytes(s, line);
	park_bytes(s, STR("\r\n"));
	s->tx.park.replies++;
}

void park_command(struct session *s, struct str line)
{
	park_bytes(s, line);
	park_bytes(s, STR("\r\n"));
}

void park_bytes(struct session *s, struct str bytes)
{
	struct buf *said = &s->tx.park.said;

	if (!said->max)
		buf_init(said, PARK_MAX);
	buf_str(said, bytes);
}

bool park_possible(const struct session *s)
{
	const struct park *p = &s->tx.park;

	return s->state != SESSION_READY && !s->tx.failed && p->said.n && !p->said.err &&
		s->end == SESSION_ON && !s->swallow && !s->skipping;
}

void park(struct session *s, bool inside)
{
	const struct park *p = &s->tx.park;

	s->h.state = str_of(arena_fmt(&s->a, "messages=%u tx=%s replies=%u refused=%u", s->messages - 1, s->tx.id,
		p->replies, s->tx.refused > 0));
	s->h.parked = (uint32_t)p->said.n;
	s->h.parked_data = inside;
	s->h.parked_need = inside && !s->tx.reader.dots ? s->tx.chunk_left : 0;
	s->unused = arena_str(&s->a, buf_view(&p->said));
	s->end = SESSION_HANDBACK;
}

static uint64_t number(struct str s)
{
	uint64_t n;

	return str_u64(s, UINT32_MAX, &n) ? 0 : n;
}

void park_restore(struct session *s)
{
	struct str rest = s->h.state, word, value;
	ssize_t eq;

	while (rest.n) {
		word = str_cut(&rest, ' ');
		eq = str_find(word, '=');
		if (eq < 0)
			continue;
		value = str_from(word, (size_t)eq + 1);
		word = str_sub(word, 0, (size_t)eq);
		if (str_eqc(word, "messages"))
			s->messages = (uint32_t)number(value);
		else if (str_eqc(word, "tx") && value.n == TX_ID)
			s->again = value;
		else if (str_eqc(word, "replies"))
			s->swallow = (uint32_t)number(value);
		else if (str_eqc(word, "refused"))
			s->refused_before = number(value) > 0;
	}
	if (!s->h.parked)
		s->swallow = 0;
}
