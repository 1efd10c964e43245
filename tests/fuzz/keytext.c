/* SPDX-License-Identifier: ISC
 *
 * keytext.c: fuzz target of key records that others published: the key itself is the key, in whatever pieces it comes;
 * nothing else is taken for it.
 */
#include "check/check.h"

#define KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define WANT "v=DKIM1; h=sha256; k=ed25519; p=" KEY

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str found = str_make(data, size);
	enum key_fault fault;
	struct arena a;
	size_t i, same = 0;

	arena_init(&a);
	fault = key_compare(&a, found, STR(WANT));
	BUG_ON(fault > KEY_BROKEN);
	for (i = 0; i < size; i++)
		same += strchr(KEY, data[i]) != NULL && data[i];
	BUG_ON(fault == KEY_SAME && same < strlen(KEY));
	arena_done(&a);
	return 0;
}
