/* SPDX-License-Identifier: ISC
 *
 * app_password.c: see app_password.h.
 */
#include "auth/app_password.h"

#include "base/rand.h"

static const char letters[] = SECRET_LETTERS;
#define NLETTERS (sizeof(letters) - 1)
#define FAIR (256 / NLETTERS * NLETTERS) /* bytes below: each letter as often as any other */

static const char *const protocol[] = { "imap", "pop3", "submission" };

void app_password_new(char text_out[APP_PASSWORD_TEXT + 1], char digest_out[SECRET_HEX + 1])
{
	unsigned char byte;
	size_t i;

	for (i = 0; i < APP_PASSWORD_TEXT; i++) {
		if (i % 6 == 5) {
			text_out[i] = '-';
			continue;
		}
		do
			rand_bytes(&byte, 1);
		while (byte >= FAIR);
		text_out[i] = letters[byte % NLETTERS];
	}
	text_out[i] = '\0';
	BUG_ON(!app_password_digest(str_of(text_out), digest_out));
}

bool app_password_digest(struct str typed, char digest_out[SECRET_HEX + 1])
{
	return secret_typed(typed, APP_PASSWORD_LETTERS, digest_out);
}

int app_password_protocols(struct str text, char out[sizeof(APP_PASSWORD_ALL)])
{
	bool has[ARRAY_LEN(protocol)] = { false };
	struct str word;
	size_t i, n = 0;

	while (text.n > 0) {
		word = str_trim(str_cut(&text, ','));
		for (i = 0; i < ARRAY_LEN(protocol) && !str_eqc(word, protocol[i]); i++)
			;
		if (i == ARRAY_LEN(protocol))
			return E_SYNTAX;
		has[i] = true;
	}
	for (i = 0; i < ARRAY_LEN(protocol); i++)
		if (has[i])
			n += (size_t)snprintf(out + n, sizeof(APP_PASSWORD_ALL) - n, "%s%s", n ? "," : "", protocol[i]);
	return n ? 0 : E_SYNTAX;
}

bool app_password_serves(struct str protocols, struct str service)
{
	struct str word;

	while (protocols.n > 0) {
		word = str_cut(&protocols, ',');
		/* imap and imaps, submission and submissions; "smtp" is AUTH on port 25 */
		if (word.n > 0 && (str_eq(str_sub(service, 0, MIN(word.n, service.n)), word) ||
			(str_eqc(service, "smtp") && str_eqc(word, "submission"))))
			return true;
	}
	return false;
}
