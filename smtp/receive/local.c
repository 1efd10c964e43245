/* SPDX-License-Identifier: ISC
 *
 * local.c: who submits over the unix socket run/submit (the sendmail command)?
 * A program on this host, as the user that the kernel names (SO_PEERCRED). It
 * needs no password, and gives the sender address that it wants, as programs on
 * Unix hosts always could; the user's number stands in Received and in the log.
 *
 * Always true: the word of the door alone lets nobody in. The socket must be
 * one that was accepted from our own listener (its name says so): a pair that
 * a broken process made has no name.
 */
#include "smtp/receive/session.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "submit" /* as master binds it, in its folder */

static bool accepted_from_ours(int fd)
{
	struct sockaddr_un sun = { 0 };
	socklen_t n = sizeof sun;

	return getsockname(fd, (struct sockaddr *)&sun, &n) == 0 && sun.sun_family == AF_UNIX &&
		n >= offsetof(struct sockaddr_un, sun_path) + sizeof NAME && strcmp(sun.sun_path, NAME) == 0;
}

static bool may_submit(const struct conf *conf, uid_t uid)
{
	/* who runs all of the suite under one user is root in it */
	bool root = uid == 0 || uid == geteuid();

	return conf->smtp_local_users == CONF_LOCAL_USERS_ALL || (root && conf->smtp_local_users == CONF_LOCAL_USERS_ROOT);
}

bool local_identify(struct session *s)
{
	struct ucred who;
	socklen_t n = sizeof who;

	if (!accepted_from_ours(s->io.fd) || getsockopt(s->io.fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0) {
		reply(s, 421, "4.3.0", "This is not a local connection");
		s->end = SESSION_CLOSE;
		return false;
	}
	if (!may_submit(s->room->conf, who.uid)) {
		reply(s, 550, "5.7.1", "User %u of this host may not submit mail ([smtp] local_users)", who.uid);
		s->end = SESSION_CLOSE;
		return false;
	}
	s->local = s->authenticated = true;
	s->who = (struct auth_identity){ .result = AUTH_OK, .key = -1,
		.user = str_of(arena_fmt(&s->a, "uid %u", who.uid)) };
	return true;
}
