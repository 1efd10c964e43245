/* SPDX-License-Identifier: ISC
 *
 * format.c: heads of objects and lines of indexes: what a pack is made of.
 */
#include "backup/format.h"

#include "backup/lines.h"
#include "base/rand.h"

static const char *const kinds[OBJECT_KINDS] = { [OBJECT_MESSAGE] = "message", [OBJECT_FILE] = "file",
	[OBJECT_LIST] = "list", [OBJECT_MAILBOX] = "mailbox", [OBJECT_QUEUE] = "queue", [OBJECT_FILES] = "files" };

const char *object_kind_name(enum object_kind k)
{
	return kinds[k];
}

/* Appends the checksum of text[0..n) and a line feed. */
static void seal(char *text, size_t n, size_t size)
{
	snprintf(text + n, size - n, "%08x\n", crc32c(0, text, n));
}

/* The text without its checksum, if that is right. */
static bool sealed(struct str line, struct str *out)
{
	char crc[10];

	if (line.n < 9)
		return false;
	snprintf(crc, sizeof(crc), "%08x\n", crc32c(0, line.p, line.n - 9));
	*out = str_sub(line, 0, line.n - 9);
	return str_eqc(str_from(line, line.n - 9), crc);
}

void object_head_print(const struct object_head *h, char out[OBJECT_HEAD + 1])
{
	char sha[SHA256_HEX + 1];
	int n;

	sha256_print(h->id.sha, sha);
	n = snprintf(out, OBJECT_HEAD + 1, "mansio-object 1 %s %-7s %s %012llu %012llu %08x ", sha, kinds[h->kind],
		h->packed ? "gzip" : "none", (unsigned long long)h->size, (unsigned long long)h->stored, h->crc);
	/* every head has the same length */
	for (; n < OBJECT_HEAD - 9; n++)
		out[n] = ' ';
	seal(out, (size_t)n, OBJECT_HEAD + 1);
}

static bool read_crc(struct str word, uint32_t *out)
{
	static const char digit[] = "0123456789abcdef";
	const char *d;
	size_t i;

	*out = 0;
	for (i = 0; i < word.n; i++) {
		d = memchr(digit, word.p[i], 16);
		if (!d)
			return false;
		*out = *out << 4 | (uint32_t)(d - digit);
	}
	return word.n == 8;
}

static bool read_kind(struct str word, enum object_kind *out)
{
	int k;

	for (k = 0; k < OBJECT_KINDS; k++)
		if (str_eqc(word, kinds[k])) {
			*out = (enum object_kind)k;
			return true;
		}
	return false;
}

int object_head_parse(struct str text, struct object_head *out)
{
	struct object_head h;
	struct lines l;
	struct str rest, method;
	int err;

	if (text.n < OBJECT_HEAD || !sealed(str_sub(text, 0, OBJECT_HEAD), &rest))
		return E_DAMAGED;
	lines_init(&l, str_trim(rest), NULL);
	if (!lines_next(&l) || !lines_word_is(&l, "mansio-object") || !lines_word_is(&l, "1"))
		return E_DAMAGED;
	lines_sha(&l, &h.id);
	if (!read_kind(lines_word(&l), &h.kind))
		return E_DAMAGED;
	while (lines_word_is(&l, ""))
		; /* the kind's padding */
	method = lines_word(&l);
	h.packed = str_eqc(method, "gzip");
	if (!h.packed && !str_eqc(method, "none"))
		return E_DAMAGED;
	h.size = lines_u64(&l, OBJECT_MAX);
	h.stored = lines_u64(&l, OBJECT_MAX);
	if (!read_crc(lines_word(&l), &h.crc))
		return E_DAMAGED;
	err = lines_end(&l);
	if (!err && !h.packed && h.size != h.stored)
		err = E_DAMAGED;
	if (!err)
		*out = h;
	return err;
}

void index_line_print(const struct object_id *id, uint64_t at, char out[INDEX_LINE + 1])
{
	char sha[SHA256_HEX + 1];
	int n;

	sha256_print(id->sha, sha);
	n = snprintf(out, INDEX_LINE + 1, "%s %012llu ", sha, (unsigned long long)MIN(at, OBJECT_MAX));
	seal(out, (size_t)n, INDEX_LINE + 1);
}

int index_line_parse(struct str line, struct object_id *id_out, uint64_t *at_out)
{
	struct object_id id;
	struct str rest;
	uint64_t at;

	if (line.n != INDEX_LINE || !sealed(line, &rest) || sha256_read(str_sub(rest, 0, SHA256_HEX), id.sha) < 0 ||
		rest.p[SHA256_HEX] != ' ' || str_u64(str_sub(rest, SHA256_HEX + 1, rest.n - 1), OBJECT_MAX, &at) < 0)
		return E_DAMAGED;
	*id_out = id;
	*at_out = at;
	return 0;
}
