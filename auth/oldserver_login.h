/* SPDX-License-Identifier: ISC
 *
 * oldserver_login.h: one login at the old server: connection, TLS, dialogue. Blocks; in a process of its own, which
 * has neither files nor links, for what the other side says is a stranger's.
 */
#ifndef MANSIO_AUTH_OLDSERVER_LOGIN_H
#define MANSIO_AUTH_OLDSERVER_LOGIN_H

#include "auth/oldserver_dialogue.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "net/tls_client.h"

#define OLDSERVER_WHY 200

/* OLDSERVER_GOOD, REFUSED, LATER or DOWN, and why. Until then at the latest, but for the time that a name takes. */
enum oldserver_step oldserver_login(const struct conf *conf, struct tls_trust *trust, struct str user, struct str password,
	deadline until, char why[OLDSERVER_WHY]);

#endif
