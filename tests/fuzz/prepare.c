/* SPDX-License-Identifier: ISC
 *
 * prepare.c: any bytes as a password and as a name: the form of a form is itself, and no name of a new account is another's.
 */
#include "auth/prepare.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void password(struct str in)
{
	struct buf once, twice;

	buf_init(&once, 4096);
	buf_init(&twice, 4096);
	prepare_password(in, &once);
	BUG_ON(once.err || once.n > MAX(in.n, (size_t)PREPARED_MAX) || (in.n > 0 && once.n == 0));
	prepare_password(buf_view(&once), &twice);
	BUG_ON(!str_eq(buf_view(&once), buf_view(&twice)));
	(void)prepare_password_wrong(in);
	buf_wipe(&once);
	buf_wipe(&twice);
}

static void name(struct str in)
{
	struct address addr = { .local = in };
	struct str once, twice, none;
	struct arena a;

	arena_init(&a);
	(void)address_width(in, &a);
	if (address_normal(&addr, &a, &once, &none) == 0 && str_is_utf8(in) && !prepare_name_wrong(once)) {
		addr.local = once;
		BUG_ON(address_normal(&addr, &a, &twice, &none) < 0 || !str_eq(once, twice));
	}
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 3000)
		return 0;
	password(str_make(data, size));
	name(str_make(data, size));
	return 0;
}
