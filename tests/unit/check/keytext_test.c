/* SPDX-License-Identifier: ISC
 *
 * keytext_test.c: what pages for zones make of a key's text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check/check.h"

#define KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define WANT "v=DKIM1; h=sha256; k=ed25519; p=" KEY

static void each_mistake_is_known(void **state)
{
	static const struct {
		const char *found;
		enum key_fault fault;
	} table[] = {
		{ WANT, KEY_SAME },
		{ "v=DKIM1;k=ed25519;p=11qYAYKxCrfVS/7TyWQH Og7hcvPapiMlrwIaa\tPcHURo=;", KEY_SAME },
		{ "k=ed25519; n=ours; p=" KEY "; t=s", KEY_SAME },
		{ WANT "; t=y", KEY_ON_TRIAL },
		{ WANT "; t=s:y", KEY_ON_TRIAL },
		{ "\"" WANT "\"", KEY_QUOTED },
		{ "v=DKIM1\\092; h=sha256\\092; k=ed25519\\092; p=" KEY, KEY_QUOTED },
		{ "v=DKIM1; h=sha256; k=ed25519; p=11qYAYKxCrfVS/7TyWQ\" \"HOg7hcvPapiMlrwIaaPcHURo=", KEY_QUOTED },
		{ "v=DKIM1; h=sha256; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcv", KEY_CUT },
		{ "v=DKIM1; h=sha256; k=ed25519; p=11qYAYK", KEY_OTHER },
		{ "v=DKIM1; h=sha256; k=ed25519; p=", KEY_REVOKED },
		{ "v=DKIM1; p", KEY_BROKEN },
		{ "", KEY_BROKEN },
		{ "v=spf1 -all", KEY_BROKEN },
		{ "v=DKIM1; p=" KEY, KEY_BROKEN }, /* k= is rsa where it is not said */
		{ "v=DKIM2; k=ed25519; p=" KEY, KEY_BROKEN },
		{ "k=ed25519; v=DKIM1; p=" KEY, KEY_BROKEN },
		{ "v=DKIM1; k=ed25519; h=sha1; p=" KEY, KEY_BROKEN },
		{ "v=DKIM1; k=ed25519; p=" KEY "x", KEY_OTHER },
		{ "v=DKIM1; k=ed25519; p=AAqYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", KEY_OTHER },
	};
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(table); i++)
		if (key_compare(&a, str_of(table[i].found), STR(WANT)) != table[i].fault)
			fail_msg("%s", table[i].found);
	assert_int_equal(key_compare(&a, STR("p=AAAA"), STR("v=DKIM1; k=rsa; p=AAAA")), KEY_SAME);
	assert_true(KEY_SAME < KEY_ON_TRIAL && KEY_ON_TRIAL < KEY_QUOTED && KEY_CUT < KEY_OTHER);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
