/* SPDX-License-Identifier: ISC
 *
 * record.c: see record.h. The table is both the columns of a CSV file and the names of JSON.
 */
#include "smtp/hook/record.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"

static const struct {
	const char *name;
	bool number;
} columns[] = {
	{ "time", true }, { "id", false }, { "event", false }, { "message", false }, { "session", false },
	{ "sender", false }, { "recipient", false }, { "code", true }, { "status", false }, { "reply", false },
	{ "remote", false }, { "ip", false }, { "tls", false }, { "attempts", true }, { "size", true },
	{ "user", false }, { "class", false },
};

bool record_valid(const struct ipc_msg *m)
{
	struct str id = ipc_get(m, "id"), event = ipc_get(m, "event");
	uint64_t n;

	return ipc_is(m, "delivery") && id.n > 0 && id.n <= 40 && event.n > 0 && event.n <= 20 &&
		ipc_get_u64(m, "n", UINT64_MAX, &n) == 0 && ipc_get_u64(m, "time", INT64_MAX, &n) == 0;
}

static bool is_number(const struct ipc_msg *m, size_t i, uint64_t *out)
{
	return columns[i].number && ipc_get_u64(m, columns[i].name, INT64_MAX, out) == 0;
}

static void csv_text(struct buf *out, struct str s)
{
	size_t i;

	buf_c(out, '"');
	if (s.n > 0 && strchr("=+-@\t\r", s.p[0]))
		buf_c(out, '\'');
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"')
			buf_c(out, '"');
		buf_c(out, c < 32 || c == 127 ? ' ' : (char)c);
	}
	buf_c(out, '"');
}

void record_csv(const struct ipc_msg *m, struct buf *out)
{
	uint64_t n;
	size_t i;

	for (i = 0; i < ARRAY_LEN(columns); i++) {
		if (i)
			buf_c(out, ',');
		if (is_number(m, i, &n))
			buf_u64(out, n);
		else if (!columns[i].number)
			csv_text(out, ipc_get(m, columns[i].name));
	}
	buf_puts(out, "\r\n");
}

void record_csv_head(struct buf *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(columns); i++)
		buf_fmt(out, "%s%s", i ? "," : "", columns[i].name);
	buf_puts(out, "\r\n");
}

static void json_string(struct buf *out, struct str s)
{
	bool utf8 = str_is_utf8(s);
	size_t i;

	buf_c(out, '"');
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else if (c < 32 || c == 127 || (c > 127 && !utf8))
			buf_fmt(out, "\\u%04x", c);
		else
			buf_c(out, (char)c);
	}
	buf_c(out, '"');
}

void record_json(const struct ipc_msg *m, struct buf *out)
{
	bool first = true;
	struct str value;
	uint64_t n;
	size_t i;

	buf_c(out, '{');
	for (i = 0; i < ARRAY_LEN(columns); i++) {
		value = ipc_get(m, columns[i].name);
		if (value.n == 0 || (columns[i].number && !is_number(m, i, &n)))
			continue;
		buf_fmt(out, "%s\"%s\":", first ? "" : ",", columns[i].name);
		first = false;
		if (columns[i].number)
			buf_u64(out, n);
		else
			json_string(out, value);
	}
	buf_c(out, '}');
}

void record_sign(struct str secret, int64_t now, struct str body, struct buf *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	struct buf text;

	buf_init(&text, body.n + 64);
	buf_fmt(&text, "%lld.", (long long)now);
	buf_str(&text, body);
	BUG_ON(text.err);
	HMAC(EVP_sha256(), secret.n ? secret.p : "", (int)secret.n, (const unsigned char *)text.p, text.n, mac, &n);
	buf_done(&text);
	buf_fmt(out, "t=%lld,v1=", (long long)now);
	hex_encode(str_make(mac, n), out);
}
