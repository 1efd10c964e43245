/* SPDX-License-Identifier: ISC
 *
 * frame.h: the SASL frames that front sends (auth.h): read and checked in one
 * place, before anything is done with them. A frame that does not parse is a
 * peer that breaks the rules, not a failed login.
 */
#ifndef MANSIO_AUTH_FRAME_H
#define MANSIO_AUTH_FRAME_H

#include "net/addr.h"
#include "net/ipc.h"

#define FRAME_CODE_MAX 64
#define FRAME_KEY_MAX 8192 /* each part of the answer of a security key */
#define FRAME_CB_MAX 512 /* bytes of a raw channel binding */

/* What the web page shows beside the password (second.h); empty: nothing. */
struct sasl_second {
	struct str code; /* typed */
	struct str origin; /* "https://HOST[:PORT]" of the page */
	/* of a security key: the challenge that it signs, made by us and not used before; empty: there is no such. The rest is
	 * what the browser says: base64url */
	struct str challenge, key, client_data, authenticator_data, signature;
};

/* Borrows from the message. */
struct sasl_start {
	uint64_t id;
	struct str service; /* smtp ... pop3s */
	struct str mech; /* capitals */
	struct str initial; /* p NULL: none was sent */
	struct addr peer, local;
	struct str session;
	bool tls;
	uint64_t tls_bits;
	struct sasl_second second;
	struct str cb_exporter, cb_end_point, cb_unique; /* empty: the connection has none */
	struct str client_chain; /* of EXTERNAL: what the client showed in its handshake (net/client_cert.h); front verified that it has the key */
};

struct sasl_step {
	uint64_t id;
	struct str data;
};

/* max: longest client data ([limit] auth_line). 0 or E_PEER; E_LIMIT: only
 * the data is too long (id is set). */
int sasl_start_parse(const struct ipc_msg *m, size_t max, struct sasl_start *out);
int sasl_step_parse(const struct ipc_msg *m, size_t max, struct sasl_step *out);
void sasl_start_print(const struct sasl_start *v, struct ipc_msg *m);
/* Is it a service of the door that accounts log in to? */
bool service_known(struct str service);
/* imap imaps pop3 pop3s: its rooms get a mailbox key. */
bool service_has_key(struct str service);

#endif
