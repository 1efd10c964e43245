/* SPDX-License-Identifier: ISC
 *
 * json.h: JSON of others, as tokens and their provider send it.
 */
#ifndef MANSIO_AUTH_JSON_H
#define MANSIO_AUTH_JSON_H

#include <jansson.h>

#include "base/str.h"

/* NULL: it is not just one object. Twice the same name in an object is refused: two readers might see two things. */
static inline json_t *json_one_object(struct str text)
{
	json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* STR_NONE: it is no string. */
static inline struct str json_text(const json_t *v)
{
	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NONE;
}

#endif
