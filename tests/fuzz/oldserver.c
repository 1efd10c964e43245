/* SPDX-License-Identifier: ISC
 *
 * oldserver.c (fuzz): any lines of an old server: the dialogue ends, and ends well only if the login was answered OK.
 */
#include "auth/oldserver_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oldserver_dialogue d = { .user = STR("anna@example.org"), .password = STR("p\xc3\xa4ss"), .starttls = size && data[0] & 1 };
	enum oldserver_step step = OLDSERVER_MORE;
	struct str rest = str_make(data + (size > 0), size - (size > 0)), line = STR_NONE;
	bool clear = d.starttls;
	struct buf out;
	int lines = 0;

	buf_init(&out, 8192);
	while (rest.n > 0 && step == OLDSERVER_MORE) {
		line = str_cut(&rest, '\n');
		step = oldserver_line(&d, line, &out);
		BUG_ON(out.err);
		if (step == OLDSERVER_SECURE) {
			BUG_ON(!clear);
			clear = false;
			oldserver_secured(&d, &out);
			step = OLDSERVER_MORE;
		}
		/* the password is not said in clear */
		BUG_ON(clear && (str_search(buf_view(&out), STR("ss")) >= 0 || str_search(buf_view(&out), STR("l ")) >= 0));
		BUG_ON(step == OLDSERVER_GOOD && (clear || !str_istarts(line, "l OK")));
		BUG_ON(++lines > 1000);
	}
	buf_done(&out);
	return 0;
}
