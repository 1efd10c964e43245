/* SPDX-License-Identifier: ISC
 *
 * send_dialogue.h: a whole session with another server as a dialogue: "S:" what it says, "C:" what it
 * must hear from us, each line exactly; and what became of each recipient.
 */
#ifndef MANSIO_TESTS_SEND_DIALOGUE_H
#define MANSIO_TESTS_SEND_DIALOGUE_H

#include "smtp/send/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"

extern struct client c;
extern struct client_options *opt;
extern struct job *job;

void session(int64_t tls, const char *user);
int file_of(const char *text);
/* fields: "name=value" ... NULL, beside those that every job has */
struct job *make_job(const char *text, const char *const *fields);
struct job *simple(const char *text);
struct job *three(void); /* recipients */

/* Plays the lines; then our output is empty. */
void play(const char *const *line);
#define PLAY(...) play((const char *const[]){ __VA_ARGS__, NULL })
#define HELLO "S:220 relay.example.net ESMTP", "C:EHLO our.example.org", "S:250-relay.example.net"

void result(size_t i, int code, const char *status, const char *reply);
void begin(struct job *j);
void taken(void);
void end(void);

#endif
