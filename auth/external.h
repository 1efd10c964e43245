/* SPDX-License-Identifier: ISC
 *
 * external.h: SASL EXTERNAL (RFC 4422, appendix A): whose account is it that a client certificate stands for? The certificate
 * is verified here, in a worker, whatever front made of it: of front's word only one thing is needed, that the client has its
 * key (docs/AUTH.md, "Client certificates").
 */
#ifndef MANSIO_AUTH_EXTERNAL_H
#define MANSIO_AUTH_EXTERNAL_H

#include "net/client_cert.h"

struct external {
	const struct client_ca *ca; /* NULL: none is configured */
	enum client_name kind;
	struct str chain; /* what the client showed */
	struct str asked; /* the account that it asks for (authorization identity), as it said it; empty: none */
	int64_t now;
	/* Is there such an account? 1, 0, or negative: nobody knows now. Only asked if the certificate names several and the
	 * client none. */
	int (*is_account)(void *arg, struct str name);
	void *arg;
};

/* The name of the account, in normal form, that the certificate stands for here; whether there is one with it and it may
 * log in the caller looks up. 0; E_DENIED: it stands for none; E_TEMP; why_out: for the log, static. */
int external_name(const struct external *q, struct arena *a, struct str *out, const char **why_out);

#endif
