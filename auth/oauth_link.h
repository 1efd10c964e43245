/* SPDX-License-Identifier: ISC
 *
 * oauth_link.h: what authd asks oauthd (oauthd.h) in the middle of a login, and the provider's keys, which oauthd sends.
 */
#ifndef MANSIO_AUTH_OAUTH_LINK_H
#define MANSIO_AUTH_OAUTH_LINK_H

#include "conf/conf.h"
#include "net/ipc.h"

/* The link, taken over. What waits is asked again. */
void oauth_peer(int fd);

struct oauth_question;
typedef void oauth_answer_fn(void *arg, const struct ipc_msg *answer);
/* verb: renew or introspect. network: who asks. fn is called once and not at once, unless it is forgotten before; it does not hear of a
 * provider that says nothing: that is the caller's deadline. NULL: too many
 * wait, of all or of this network. */
struct oauth_question *oauth_ask(const char *verb, struct str network, struct str token, oauth_answer_fn *fn, void *arg);
void oauth_forget(struct oauth_question *q);

/* The provider's keys for the workers: a descriptor of the caller's, -1: none are good now. */
int oauth_keys(void);
/* New settings: keys of another provider are good no more, nor is what is on its way from there. */
void oauth_reload(const struct conf *old);

#endif
