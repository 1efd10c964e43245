/* SPDX-License-Identifier: ISC
 *
 * shacrypt.c: a setting of sha256-crypt or sha512-crypt, a line end, and a phrase (auth/shacrypt.h): what is made is what
 * crypt(3) makes, and what that refuses is not made.
 */
#include "auth/shacrypt.h"

#include <crypt.h>

#include "auth/scheme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct scheme_limits small = { 1 << 20, 600 };
	static struct crypt_data work;
	struct str phrase = str_make(data, size), setting = str_cut(&phrase, '\n');
	char out[SHACRYPT_SIZE], text[CRYPT_MAX_PASSPHRASE_SIZE] = "", set[CRYPT_OUTPUT_SIZE] = "";
	struct scheme_limits takes;
	const char *made;

	if (phrase.n >= sizeof(text) || setting.n >= sizeof(set) || str_find(phrase, '\0') >= 0 || str_find(setting, '\0') >= 0 ||
		scheme_inspect(setting, &small, &takes) != SCHEME_GOOD || !shacrypt(phrase, setting, out))
		return 0;
	if (phrase.n > 0)
		memcpy(text, phrase.p, phrase.n);
	memcpy(set, setting.p, setting.n);
	made = crypt_rn(text, set, &work, sizeof(work));
	BUG_ON(!made || strcmp(made, out) != 0);
	return 0;
}
