/* SPDX-License-Identifier: ISC
 *
 * links.h: private to queued: the links of the programs that ask it.
 */
#ifndef MANSIO_SMTP_QUEUE_LINKS_H
#define MANSIO_SMTP_QUEUE_LINKS_H

#include <poll.h>

#include "smtp/queue/queue.h"

struct link {
	STAILQ_ENTRY(link) next;
	char name[20];
	int fd; /* -1: closed; freed at the end of the turn */
	bool sender, backup;
};

STAILQ_HEAD(link_list, link);
struct links {
	struct queue *queue;
	struct link_list list;
	struct pollfd *pfd;
	size_t n, cap;
};

void links_init(struct links *l, struct queue *q);
void links_add(struct links *l, const char *name, int fd);
/* Descriptors to wait for, behind those that stand in front already (`from`). */
struct pollfd *links_poll(struct links *l, size_t from, size_t *n_out);
/* Reads what came, LINK_READS messages of each link at most. True: there was something. */
bool links_read(struct links *l, size_t from);
/* A slice of the copy for a backup. */
void links_copy(struct links *l);
/* Forgets links that were closed. */
void links_sweep(struct links *l);

/* The hooks of the queue. */
extern const struct queue_ops links_ops;

#endif
