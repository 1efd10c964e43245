/* SPDX-License-Identifier: ISC
 *
 * client.h: one conversation with an ACME server (RFC 8555): directory, account, signed
 * requests, waiting. Blocking; lives in a child for one order. Every function that fails
 * says why in a->why.
 */
#ifndef MANSIO_ACME_CLIENT_H
#define MANSIO_ACME_CLIENT_H

#include "acme/http.h"
#include "acme/jws.h"
#include "acme/problem.h"
#include "acme/state.h"
#include "base/clock.h"
#include "conf/conf.h"

#define ACME_URL 1024

struct acme {
	const struct conf *conf;
	struct http *http;
	struct jws_key *key;
	struct acme_state *state;
	int dir; /* STATE/acme */
	struct str eab_key; /* base64url; empty: none */
	char new_nonce[ACME_URL], new_account[ACME_URL], new_order[ACME_URL], renewal_info[ACME_URL];
	char nonce[256];
	struct problem why;
	deadline end; /* of the whole order */
};

/* Reads the directory. */
int client_directory(struct acme *a);
/* Finds or makes the account; its URL is in the state, saved. */
int client_account(struct acme *a);
/* A signed request about `what` (for words): payload JSON text, "" for POST-as-GET. The reply
 * is the caller's to end (http_reply_done) if this is 0; *out, unless NULL, its JSON object, and a
 * reply that is none is a failure. A nonce that was refused is tried anew (RFC 8555 6.5). */
int client_post(struct acme *a, const char *what, const char *url, struct str payload, json_t **out,
	struct http_reply *reply);
/* POST-as-GET again and again until "status" is none of a, b (b may be NULL). */
int client_poll(struct acme *a, const char *what, const char *url, const char *a1, const char *b1, json_t **out);
/* When to renew the certificate of that id (RFC 9773), a moment within the window; 0: not said. */
int64_t client_renew_at(struct acme *a, const char *url);
const char *json_text(const json_t *o, const char *name); /* "" if absent */
/* A URL of the server's that we may ask: https, not too long. */
bool client_url(const char *s, char out[ACME_URL]);

#endif
