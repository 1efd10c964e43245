/* SPDX-License-Identifier: ISC
 *
 * sign.h: mail of ours is signed before it waits at its destination: signd has the keys
 * (smtp/sign/signd.h), and the signature becomes job->prepend.
 *
 *   sign_job --nothing to sign--------------------------------------------> done(job)
 *        '--> waits --asked--> signed, or there is no key ----------------> done(job)
 *               ^        |---- signd cannot, or [dkim] wait is over ------> result: not tried, 4.3.0
 *               '--------'  the link ended: asked again over the next one
 *
 * Signed is what a person who logged in sends, and our own reports; never what a stranger's mail
 * makes leave (a forward): its From is anybody's word. That is sealed instead (ARC), with what signd found of it,
 * by the domain of the alias that sends it on; and what was found says whether its sender may get a report.
 */
#ifndef MANSIO_SMTP_SEND_SIGN_H
#define MANSIO_SMTP_SEND_SIGN_H

#include "base/base.h"

struct sender;
struct job;
struct signing;

/* done gets each job that may go on, at once or later; failed each one that is to be given back
 * with the results that it has then. */
struct signing *sign_new(struct sender *s, void (*done)(struct sender *, struct job *), void (*failed)(struct sender *, struct job *));
void sign_job(struct signing *g, struct job *j);
/* The text of the job is another one now: it is signed anew. */
void sign_again(struct signing *g, struct job *j);
void sign_link(struct signing *g, int fd); /* to signd; the fd is taken over */
/* For a stop, or when queued is gone: each job that waits goes to `drop`. */
void sign_drop(struct signing *g, void (*drop)(struct sender *, struct job *));
size_t sign_waiting(const struct signing *g);

#endif
