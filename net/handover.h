/* SPDX-License-Identifier: ISC
 *
 * handover.h: a live session on its way between the door and a room.
 *
 * front -> room, verb "handover", descriptors "client" (the client's own
 * socket if the connection is in clear and needs no pump, else one end of a
 * stream pair that front pumps) and "lease" (a pipe-like end: when front's
 * side closes, the session is over; when the room's side closes, front knows
 * that the room is done and gives the place back to the limits).
 * room -> front, verb "taken" (id) as soon as a room has it; verb "handback"
 * (same fields, with what the room had read but not used; descriptor "client"
 * again): front drains what is left in a pair and goes on.
 *
 * Identity is not in here: `ticket` is redeemed at authd (auth/auth.h). `user`
 * is what front was told, for its session list and the log only.
 *
 * Hibernation: imapd -> front, verb "sleep" on the lease (a SEQPACKET pair: no
 * room sees another session's), same fields, with the IMAP state in `state`,
 * descriptors "client" and "notify" (the socket that hears of changes). front
 * -> room: "handover" with `state` and "notify" wakes it.
 */
#ifndef MANSIO_NET_HANDOVER_H
#define MANSIO_NET_HANDOVER_H

#include "net/addr.h"
#include "net/ipc.h"

struct handover {
	struct str id; /* session id, 12 characters, in every log line */
	struct str service; /* smtp submission submissions imap imaps pop3 pop3s */
	struct addr peer, local;
	struct str ticket; /* empty: not authenticated (smtp only) */
	struct str user; /* as front knows it, may be empty */
	/* TLS facts; version empty: in clear */
	struct str tls_version, tls_cipher, tls_sni;
	uint32_t tls_bits;
	struct str client_cert, client_key; /* fingerprints of what the client showed (net/fingerprint.h); empty: nothing */
	bool pumped; /* client is a pair end, not the socket */
	/* what the client said before */
	struct str helo; /* smtp: as given */
	bool esmtp; /* EHLO, not HELO */
	struct str tag; /* imap: tag of the command that logged in; room answers it */
	struct str id_params; /* imap ID of the client, printable */
	struct str command; /* unused bytes: read, not consumed (SMTP: from "MAIL" on) */
	/* smtp, a transaction that sleeps at the door: so many bytes at the head of command were
	 * used and answered already; after the hand-over the room goes through them again,
	 * silently. parked_data: they end inside a message; parked_need: so many bytes are missing
	 * of its chunk (BDAT), 0: it ends as DATA does. */
	uint32_t parked;
	bool parked_data;
	uint64_t parked_need;
	bool pressed; /* others wait for a room: come back soon when the client is silent */
	uint32_t errors; /* bad commands so far */
	struct str state; /* room's own state across a hand-back or a sleep, opaque to front */
	/* imap, around a sleep; tag: of the IDLE that goes on, empty if none does */
	struct str look; /* a datagram that is one of these lines is news for it; empty: none is */
	uint32_t idle_left; /* ms of silence until the session ends */
	bool may_sleep; /* front has a place for it */
};

void handover_print(const struct handover *h, struct ipc_msg *m);
/* Borrows from m. E_PEER: a needed field is missing or out of range. */
int handover_parse(const struct ipc_msg *m, struct handover *out);

#endif
