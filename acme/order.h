/* SPDX-License-Identifier: ISC
 *
 * order.h: one certificate from the authority (RFC 8555 7.4), and the child process that gets it.
 */
#ifndef MANSIO_ACME_ORDER_H
#define MANSIO_ACME_ORDER_H

#include "acme/client.h"

struct order {
	struct acme acme;
	const struct str *names;
	size_t nnames;
	int link; /* to acmed: challenges for the fronts */
	int hook; /* to the process that runs the hook, -1: none */
};

/* From the first question to STATE/acme/live.pem and the state. 0, or negative with why. */
int order_run(struct order *o);
/* Does the certificate in use serve these names, and until when? Fills the state from it. */
bool order_have(int dir, const struct conf *c, const struct str *names, size_t n, struct acme_state *s);
/* [acme] names, or the host name; how many. */
size_t order_names(const struct conf *c, struct str out[CONF_ACME_NAMES]);
/* A name, or for *.example.org one that it covers. */
bool order_covers(struct str pem, struct str name);

/* --- rekey.c --- */

/* next.pem, made if there is none. */
int rekey_next(int dir, const struct conf *c, struct buf *pem_out);
/* May the next key be used? 0, or negative with why: there is none, or the DNS does not name it beside the old one. */
int rekey_ready(struct order *o, int resolver);
/* The key for an order: the next one, if that is wanted; the one in use; a new one. */
int rekey_choose(const struct order *o, struct buf *key_out);
void rekey_done(const struct order *o); /* the certificate is in place */

#endif
