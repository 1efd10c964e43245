/* SPDX-License-Identifier: ISC
 *
 * trace_line.c: fuzz target of the packets that traced reads, and of the
 * escaping that makes them: whatever goes in, what comes out is a good packet.
 */
#include "trace/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum trace_level level;
	struct str text;
	struct buf out;

	trace_line_parse(str_make(data, size), &level, &text);
	buf_init(&out, TRACE_LINE_MAX);
	buf_puts(&out, "1 event key=");
	trace_escape(str_make(data, size), &out);
	BUG_ON(trace_line_parse(buf_view(&out), &level, &text) != 0);
	buf_done(&out);
	return 0;
}
