/* SPDX-License-Identifier: ISC
 *
 * trouble.c: see trouble.h.
 */
#include "auth/trouble.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

#define TEXT_MAX 400
#define MINUTE_MS 60000
#define LAST_MS (5 * MINUTE_MS)
#define TOLD 32 /* different ones a minute */

static void to_stderr(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "mansio authd: %s\n", text);
}

static struct {
	void (*fn)(void *arg, const char *text);
	void *arg;
} sink = { .fn = to_stderr };

static struct {
	char text[TEXT_MAX];
	bool used;
	int64_t when;
} told[TOLD], last;

void trouble_to(void (*fn)(void *arg, const char *text), void *arg)
{
	sink.fn = fn;
	sink.arg = arg;
}

void trouble_tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last.text, sizeof(last.text), fmt, ap);
	va_end(ap);
	last.used = true;
	last.when = clock_mono_ms();
	sink.fn(sink.arg, last.text);
}

const char *trouble_last(void)
{
	return last.used && clock_mono_ms() - last.when < LAST_MS ? last.text : NULL;
}

bool trouble_is_new(struct str text, int64_t now)
{
	size_t i, at = 0;

	text = str_sub(text, 0, TEXT_MAX - 1);
	for (i = 0; i < TOLD; i++) {
		if (told[i].used && now - told[i].when < MINUTE_MS && str_eqc(text, told[i].text))
			return false;
		if (!told[i].used || (told[at].used && told[i].when < told[at].when))
			at = i;
	}
	if (told[at].used && now - told[at].when < MINUTE_MS)
		return false;
	snprintf(told[at].text, sizeof(told[at].text), "%.*s", STRF(text));
	told[at].used = true;
	told[at].when = now;
	return true;
}
