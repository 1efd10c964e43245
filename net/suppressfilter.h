/* SPDX-License-Identifier: ISC
 *
 * suppressfilter.h: which addresses may be on the queue's suppression list: memory that queued writes and each smtpd reads,
 * so that a recipient who is not on it costs no question (a Bloom filter; net/suppressed.h).
 *
 * Always true: an address that was added is found until the memory is gone. One that was not may be found too: then
 * queued is asked, who knows. Readers cannot write, and nobody can make it smaller under them.
 */
#ifndef MANSIO_NET_SUPPRESSFILTER_H
#define MANSIO_NET_SUPPRESSFILTER_H

#include "base/str.h"

#define SUPPRESSFILTER_MANY 100000 /* addresses: above that too many are found that are not there */

struct suppressfilter;
/* Memory of its own, and the descriptor of it (the caller's) for readers; NULL: there is none. */
struct suppressfilter *suppressfilter_new(int *fd_out);
/* What such a descriptor is (it stays the caller's); NULL: it is none. */
const struct suppressfilter *suppressfilter_open(int fd);
void suppressfilter_close(const struct suppressfilter *f); /* NULL: nothing */
/* In lower case, its domain in A-labels. */
void suppressfilter_add(struct suppressfilter *f, struct str address);
void suppressfilter_all(struct suppressfilter *f); /* from now on each may be there */
/* As it was written, in whatever case. */
bool suppressfilter_may(const struct suppressfilter *f, struct str address);

#endif
