/* SPDX-License-Identifier: ISC
 *
 * keys.c: the table of settings, made from keys.def, as data that parser,
 * printer, sample and manual page walk through.
 */
#include "conf/conf.h"

#define KEY(section, name, type, dflt, lo, hi, words, when, text)              \
	{ #section, #name, CONF_##type, dflt, lo, hi, words, CONF_##when, text,  \
		offsetof(struct conf, section##_##name) },
const struct conf_key conf_keys[] = {
#include "conf/keys.def"
};
#undef KEY

const size_t conf_nkeys = ARRAY_LEN(conf_keys);
