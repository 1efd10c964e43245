/* SPDX-License-Identifier: ISC
 *
 * suppressed.h: is mail to an address outside stopped? The client's half of smtpd's question to queued, so that who
 * submits hears it at RCPT, not in a report.
 *
 *   suppressed id address=ADDRESS sender=ADDRESS  -> suppressed id [status=STATUS words=SENTENCE]   without words: it is not
 */
#ifndef MANSIO_NET_SUPPRESSED_H
#define MANSIO_NET_SUPPRESSED_H

#include "base/clock.h"
#include "net/ipc.h"

/* What the words of a reply begin with, behind "<ADDRESS>: ". */
#define SUPPRESSED_WORD "suppressed: "

/* 1: stopped, with status and words in the arena; 0: not; or negative: nobody knows now. */
int suppressed_ask(int link, struct str address, struct str sender, struct arena *a, struct str *status_out,
	struct str *words_out, deadline d);

#endif
