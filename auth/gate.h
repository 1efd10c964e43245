/* SPDX-License-Identifier: ISC
 *
 * gate.h: the gate of the admin page and the API: who asks, what he may, and where
 * the question goes. webadmind has no rights of its own; all it can do is send
 *
 *   ask op=...  cookie | token, csrf, peer, agent, origin, descriptor `reply`
 *     login   address password     a new login; answer: cookie csrf address name role* domain*.
 *                                  code, or key challenge client_data authenticator_data signature:
 *                                  the second factor (frame.h). If that is missing: ways, and for a
 *                                  security key challenge rp_id keys, with code 77
 *     logout                       the login of the cookie ends (csrf)
 *     me                           who the cookie or token is: as login, without cookie
 *     check                        the same question, and the login is not taken as used
 *     verbs                        a row for each verb that the asker may use
 *     invite  invite password      a hand-out link is redeemed: a new password
 *     send    session              who it is may send mail: ticket user, for one hand-over to an
 *                                  smtpd (csrf); a token by its role send:ADDRESS
 *     verb    verb a.NAME=...      a verb of conf/verbs.def (csrf, if it changes something)
 *
 * The answer is that of any verb (conf/program.h), on `reply`; a refusal has code 77,
 * with unknown=1 where nobody is known by what was shown (HTTP 401), limit=1 where
 * it was tried too often (429).
 *
 *   ask --> identity (login or token, then the directory) --> rights.h --> target
 *       --> own verbs, authd's workers (control.c), or master, who routes
 *
 * Identity, roles and state of the account are looked up for every question anew.
 * What changes something, and every refusal, is one `audit` event with who, verb,
 * arguments without secrets, code and peer.
 */
#ifndef MANSIO_AUTH_GATE_H
#define MANSIO_AUTH_GATE_H

#include "auth/authd.h"

bool gate_message(struct client *c, struct ipc_msg *m);
/* The verbs that authd's main process answers itself: login list, login end, session list, session kick, ban ... False: not
 * one of these. Takes reply if it is. */
bool gate_own_verb(const struct ipc_msg *m, int reply);
/* A refusal or an end, in the words of program.h; closes reply. */
void gate_answer(int reply, int code, const char *error, const char *flag);
/* Many rows: a reply as a client (client.h) that may ask nothing, held by the caller, who
 * sends rows and ends with this. It is gone when its reader closes. */
void gate_end(struct client *out);

/* audit.c: a relay between the owner of a changing verb and who asked, so that the
 * outcome is known. Takes reply; *owner_out is for the owner (close after sending).
 * Negative: none could be made, reply is closed. */
struct audit {
	char who[300], verb[64], args[600], peer[64];
};
int audit_relay(const struct audit *a, int reply, int *owner_out);
void audit_event(const struct audit *a, int code);

#endif
