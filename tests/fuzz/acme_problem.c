/* SPDX-License-Identifier: ISC
 *
 * acme_problem.c: fuzz target of problem documents: whatever the authority says, the words are
 * printable, end, and have a next step.
 */
#include "acme/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	char text[64];
	struct problem p;
	size_t i;

	problem_of(o, 400, "mail.example.org", &p);
	BUG_ON(p.words[0] == '\0' || p.fix[0] == '\0' || !memchr(p.words, '\0', sizeof p.words));
	for (i = 0; p.words[i]; i++)
		BUG_ON(p.words[i] < ' ' || p.words[i] > '~');
	json_decref(o);
	snprintf(text, sizeof text, "%.*s", (int)MIN(size, sizeof text - 1), (const char *)data);
	BUG_ON(problem_retry_after(text, 1700000000) < 0);
	return 0;
}
