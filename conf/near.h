/* SPDX-License-Identifier: ISC
 *
 * near.h: what was probably meant: the nearest of some known words.
 */
#ifndef MANSIO_CONF_NEAR_H
#define MANSIO_CONF_NEAR_H

#include "base/str.h"

/* Edits (insert, delete, replace, swap of neighbours) between two words; words
 * over 64 bytes are infinitely far: UINT_MAX. */
unsigned near_distance(struct str a, struct str b);
/* Is the distance d small enough to be a slip of the finger in this word? */
bool near_enough(struct str word, unsigned d);

#endif
