/* SPDX-License-Identifier: ISC
 *
 * client_data.c: see client_data.h. Members that are not known are of later versions, and are left alone (5.8.1); one that
 * is there twice is a second text for another reader.
 */
#include "auth/client_data.h"

#include <jansson.h>

static bool is(const json_t *o, const char *name, struct str wanted)
{
	const json_t *v = json_object_get(o, name);

	return json_is_string(v) && str_eq(str_make(json_string_value(v), json_string_length(v)), wanted);
}

const char *client_data_check(struct str json, const char *type, const struct client_data_asked *asked)
{
	const char *why = NULL;
	json_t *o;

	if (asked->challenge.n == 0 || asked->origin.n == 0)
		return "the challenge is not known any more";
	o = json.n <= CLIENT_DATA_MAX ? json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (!json_is_object(o))
		why = "what the browser signed is not one JSON object";
	else if (!is(o, "type", str_of(type)))
		why = "the answer is one to another kind of question";
	else if (!is(o, "challenge", asked->challenge))
		why = "the answer is one to another challenge";
	else if (!is(o, "origin", asked->origin))
		why = "the answer was given on another page";
	else if (json_object_get(o, "topOrigin") || (json_object_get(o, "crossOrigin") && !json_is_false(json_object_get(o, "crossOrigin"))))
		why = "the answer was given within a page of somebody else";
	json_decref(o);
	return why;
}
