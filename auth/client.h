/* SPDX-License-Identifier: ISC
 *
 * client.h: the links of the programs that ask authd. A link knows who is at
 * its other end, because master said so; what it may ask follows from that.
 */
#ifndef MANSIO_AUTH_CLIENT_H
#define MANSIO_AUTH_CLIENT_H

#include <event2/event.h>
#include <sys/queue.h>

#include "base/table.h"
#include "net/ipc_queue.h"

/* Lives until its link is closed and nobody holds it. */
struct client {
	LIST_ENTRY(client) link; /* until it is freed */
	char name[20];
	int instance;
	int fd; /* -1: the link is closed, answers go nowhere */
	unsigned holds;
	struct event *readable, *writable, *again;
	struct ipc_queue out;
	struct table exchanges; /* front: id -> exchange */
	size_t questions; /* not answered yet */
};

struct client_ops {
	/* One message; false: it breaks the rules, and the link is dropped. */
	bool (*message)(struct client *c, struct ipc_msg *m);
	void (*closed)(struct client *c); /* nothing more can be sent */
};

void clients_init(struct event_base *base, const struct client_ops *ops);
struct client *client_new(const char *name, int instance, int fd);
void client_drop(struct client *c);
void client_hold(struct client *c);
void client_release(struct client *c);
/* Sends and ends the message, with the descriptors in it: to fronts at the end of
 * the turn (ipc_turn_end), all in one packet. A peer that does not read CLIENT_OUT
 * messages loses its link. Negative: no packet takes it, and it was dropped. */
#define CLIENT_OUT 10000
int client_send(struct client *c, struct ipc_msg *m);
/* All whose link is open; fn may drop any. */
void clients_each(void (*fn)(struct client *c));

#endif
