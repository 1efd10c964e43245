/* SPDX-License-Identifier: ISC
 *
 * trouble.h: what a back end of the directory finds wrong: a server that does not answer, two people with one address.
 *
 *   worker: trouble_tell --"trouble" text--> authd: trouble_is_new --> event `directory-trouble`
 *
 * The same words count once a minute, and only so many different ones: whoever asks again and again fills no log.
 */
#ifndef MANSIO_AUTH_TROUBLE_H
#define MANSIO_AUTH_TROUBLE_H

#include "base/str.h"

void trouble_tell(const char *fmt, ...) PRINTF(1, 2);
/* Where to; before it is called: standard error. */
void trouble_to(void (*fn)(void *arg, const char *text), void *arg);
/* What was told last, for five minutes: why the directory just failed. NULL: nothing was. */
const char *trouble_last(void);
/* Was this not said in the last minute, nor too much else? now: monotonic ms. */
bool trouble_is_new(struct str text, int64_t now);

#endif
