/* SPDX-License-Identifier: ISC
 *
 * system_user.c: see system_user.h.
 */
#include "auth/system_user.h"

bool system_user_name(struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > SYSTEM_USER_MAX)
		return false;
	for (i = 0; i < name.n; i++) {
		char c = name.p[i];

		if ((c >= 'a' && c <= 'z') || c == '_')
			continue;
		if (i == 0 || !((c >= '0' && c <= '9') || c == '.' || c == '-'))
			return false;
	}
	return true;
}
