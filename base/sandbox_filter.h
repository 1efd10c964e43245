/* SPDX-License-Identifier: ISC
 *
 * sandbox_filter.h: private to sandbox.c: the system calls of each profile.
 */
#ifndef MANSIO_BASE_SANDBOX_FILTER_H
#define MANSIO_BASE_SANDBOX_FILTER_H

#include <linux/filter.h>

#include "base/sandbox.h"

/* Compiles the filter of a profile; log: what is forbidden is logged and done.
 * prog_out->filter is malloc'ed. 0 or -errno. */
int sandbox_filter_build(enum sandbox_profile p, bool log, struct sock_fprog *prog_out);
/* What must be put on top of the filter of `from` to make it that of `to`, which allows
 * less: a tenth of the size, so that a child of a zygote enters it in no time. */
int sandbox_filter_narrow(enum sandbox_profile from, enum sandbox_profile to, bool log,
	struct sock_fprog *prog_out);

/* The filter of sandbox_deny: what nobody who asks for a password needs is an error, all else goes. */
int sandbox_filter_deny(bool log, struct sock_fprog *prog_out);

#endif
