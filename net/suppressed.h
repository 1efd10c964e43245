/* SPDX-License-Identifier: ISC
 *
 * suppressed.h: is mail to an address outside stopped? The client's half of smtpd's question to queued, so that who
 * submits hears it at RCPT, not in a report.
 *
 *   suppressed id address=ADDRESS sender=ADDRESS [filter=1] -> suppressed id [status=STATUS words=SENTENCE]   without words: it is not
 *                                                              [+ descriptor "filter", if that was wanted]
 * Who has the filter (net/suppressfilter.h) asks only about those who may be on the list.
 */
#ifndef MANSIO_NET_SUPPRESSED_H
#define MANSIO_NET_SUPPRESSED_H

#include "base/clock.h"
#include "net/ipc.h"
#include "net/suppressfilter.h"

/* What the words of a reply begin with, behind "<ADDRESS>: ". */
#define SUPPRESSED_WORD "suppressed: "

/* 1: stopped, with status and words in the arena; 0: not; or negative: nobody knows now. *filter: is filled if it was
 * NULL and queued has one; the caller's. */
int suppressed_ask(int link, struct str address, struct str sender, struct arena *a, struct str *status_out,
	struct str *words_out, const struct suppressfilter **filter, deadline d);

#endif
