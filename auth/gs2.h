/* SPDX-License-Identifier: ISC
 *
 * gs2.h: the GS2 header in front of a SCRAM client's first message: it tells
 * which channel binding the client has used, before the library is asked.
 */
#ifndef MANSIO_AUTH_GS2_H
#define MANSIO_AUTH_GS2_H

#include "base/cur.h"

enum gs2_flag {
	GS2_NONE = 'n', /* the client can do no channel binding */
	GS2_UNUSED = 'y', /* it can, and thinks that the server cannot */
	GS2_USED = 'p',
};

struct gs2 {
	enum gs2_flag flag;
	struct str binding; /* name, for GS2_USED */
	struct str authzid; /* still with =2C and =3D; empty: none */
};

/* 1, or negative: not a GS2 header. The cursor then is behind it. */
int gs2_parse(struct cur *c, struct gs2 *out);

#endif
