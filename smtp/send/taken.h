/* SPDX-License-Identifier: ISC
 *
 * taken.h: the last recipients whose message another server has taken, in memory that
 * outlives this process, so that a kill between the server's 250 and queued's commit makes
 * nobody get a message twice.
 *
 *   server's 250 --taken_note--> memory of master's --> result to queued --> commit
 *   a job with such a recipient --taken_answer--> its result again, nothing is sent
 *
 * A ring: each entry says that this recipient of this message has it, which stays true, so
 * none needs to be taken back; the oldest is overwritten. It holds more than can be between the
 * 250 and a commit of queued. The memory (a file of master's without a name) survives the death
 * of sender and of queued, not of master or a power cut.
 *
 * Always true: an entry is marked as whole after its last byte was written, so one that was cut
 * short by a kill does not count. What stands there was written by a sender like us; it is checked
 * nevertheless.
 */
#ifndef MANSIO_SMTP_SEND_TAKEN_H
#define MANSIO_SMTP_SEND_TAKEN_H

#include "smtp/send/job.h"

#define TAKEN_ENTRIES 4096u
#define TAKEN_AWAITED 1024 /* messages that wait for their answer, noted at once */
#define TAKEN_RCPTS 64 /* recipients of one of them */

struct taken;

/* A message that was sent to its end, and was not answered when it was noted. */
struct taken_message {
	uint64_t key; /* of its connection */
	bool dsn;
	struct str id, remote, ip; /* point into the memory, until taken_end */
	size_t n;
	uint32_t number[TAKEN_RCPTS];
};

/* fd: the memory, taken over; one of another size or make is emptied. Negative, or it cannot be
 * had: memory of this process alone. */
struct taken *taken_open(int fd);
void taken_close(struct taken *t);

/* Those recipients of j whose known result is 2xx. */
void taken_note(struct taken *t, const struct job *j);
/* Gives those recipients of j that have it already their result; how many. Who took it (remote, ip, tls,
 * dsn) stands in the job then. */
size_t taken_answer(const struct taken *t, struct job *j);


/* The message of j has left to its end, for its recipients that are RCPT_TAKEN. A slot; negative: it is not noted, for
 * there is no room. */
int taken_begin(struct taken *t, uint64_t key, const struct job *j, bool dsn);
void taken_end(struct taken *t, int slot);
/* The first that awaits its answer, from *slot on. False: there is none. */
bool taken_awaits(const struct taken *t, int *slot, struct taken_message *out);

#endif
