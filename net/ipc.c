/* SPDX-License-Identifier: ISC
 *
 * ipc.c: messages between our own processes (ipc.h): built, printed, parsed; ipc_socket.c sends and receives them.
 *
 *     packet = "mansio" SP "1" SP name LF *( name "=" value LF )
 *     name   = 1*64( a-z / 0-9 / "_" / "-" / "." )
 *     value  = *( %x20-24 / %x26-7E / "%" 2HEXDIG )
 *
 * The name "fds" is ours: it lists the names of the descriptors that came
 * along, and their number must be the number that came.
 *
 * Always true: a received message owns its descriptors. Messages carry passwords and tickets: nothing is copied that is
 * not wiped.
 */
#include "net/ipc_private.h"

#include "base/cur.h"
#include "base/file.h"

enum {
	NAME = 1, /* byte of a name */
	PLAIN = 2, /* byte of a value that stands for itself */
	IPC_NAME_MAX = 64,
};

static cur_class class = {
	[0x20 ... 0x24] = PLAIN,
	[0x26 ... 0x2c] = PLAIN,
	['-' ... '.'] = NAME | PLAIN,
	['/'] = PLAIN,
	['0' ... '9'] = NAME | PLAIN,
	[0x3a ... 0x5e] = PLAIN,
	['_'] = NAME | PLAIN,
	['`'] = PLAIN,
	['a' ... 'z'] = NAME | PLAIN,
	[0x7b ... 0x7e] = PLAIN,
};

static bool is_name(struct str s)
{
	size_t i;

	for (i = 0; i < s.n && (class[(unsigned char)s.p[i]] & NAME); i++)
		;
	return s.n && i == s.n && s.n <= IPC_NAME_MAX;
}

void ipc_init(struct ipc_msg *m, const char *verb)
{
	*m = (struct ipc_msg){ 0 };
	arena_init(&m->arena);
	m->verb = arena_str(&m->arena, str_of(verb));
	if (!is_name(m->verb))
		m->err = E_SYNTAX;
}

void ipc_done(struct ipc_msg *m)
{
	size_t i;

	if (m->owns_fds)
		for (i = 0; i < m->nfds; i++)
			fd_close(&m->fd[i]);
	arena_wipe(&m->arena);
	*m = (struct ipc_msg){ 0 };
}

/* The next free field; what was there moves when it is full. */
static struct ipc_field *field_new(struct ipc_msg *m)
{
	struct ipc_field *grown;

	if (m->nfields == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		grown = arena_array(&m->arena, m->cap, sizeof *grown);
		if (m->nfields)
			memcpy(grown, m->field, m->nfields * sizeof *grown);
		m->field = grown;
	}
	return &m->field[m->nfields++];
}

void ipc_set_named(struct ipc_msg *m, struct str name, struct str value)
{
	struct ipc_field *f;

	if (m->err)
		return;
	if (!is_name(name) || str_eqc(name, "fds")) {
		m->err = E_SYNTAX;
		return;
	}
	if (m->nfields >= IPC_MAX_FIELDS || value.n > IPC_MAX) {
		m->err = E_LIMIT;
		return;
	}
	f = field_new(m);
	f->name = arena_str(&m->arena, name);
	f->value = arena_str(&m->arena, value);
}

void ipc_setc(struct ipc_msg *m, const char *name, const char *value)
{
	if (value)
		ipc_set(m, name, str_of(value));
}

void ipc_set_u64(struct ipc_msg *m, const char *name, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	ipc_set(m, name, str_make(digits + at, sizeof digits - at));
}

void ipc_set_bool(struct ipc_msg *m, const char *name, bool v)
{
	ipc_setc(m, name, v ? "1" : "0");
}

static struct str put_text(char **at, struct str s)
{
	struct str copy = { *at, s.n };

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n + 1;
	return copy;
}

void ipc_set_all(struct ipc_msg *m, const struct ipc_msg *from)
{
	size_t i, bytes = 0;
	char *at;

	for (i = 0; i < from->nfields; i++)
		bytes += from->field[i].name.n + from->field[i].value.n + 2;
	if (!m->err && (from->nfields > IPC_MAX_FIELDS - m->nfields || bytes > 2 * IPC_MAX))
		m->err = E_LIMIT;
	if (m->err)
		return;
	at = arena_alloc(&m->arena, bytes);
	for (i = 0; i < from->nfields; i++) {
		struct ipc_field *f = field_new(m);

		f->name = put_text(&at, from->field[i].name);
		f->value = put_text(&at, from->field[i].value);
	}
}

/* A name and its descriptor; false: there is no room for more. */
static bool fd_new(struct ipc_msg *m, struct str name, int fd)
{
	if (m->nfds == IPC_MAX_FDS)
		return false;
	if (!m->fd) {
		m->fd = arena_array(&m->arena, IPC_MAX_FDS, sizeof *m->fd);
		m->fd_name = arena_array(&m->arena, IPC_MAX_FDS, sizeof *m->fd_name);
	}
	m->fd[m->nfds] = fd;
	m->fd_name[m->nfds++] = arena_str(&m->arena, name);
	return true;
}

void ipc_add_fd(struct ipc_msg *m, const char *name, int fd)
{
	if (m->err)
		return;
	if (fd < 0)
		m->err = -EBADF;
	else if (!is_name(str_of(name)))
		m->err = E_SYNTAX;
	else if (!fd_new(m, str_of(name), fd))
		m->err = E_LIMIT;
}

struct str ipc_get_named(const struct ipc_msg *m, struct str name, size_t i)
{
	const struct ipc_field *f, *end = m->field + m->nfields;

	for (f = m->field; f < end; f++)
		if (str_eq(f->name, name) && i-- == 0)
			return f->value;
	return STR_NONE;
}

int ipc_get_u64(const struct ipc_msg *m, const char *name, uint64_t max, uint64_t *out)
{
	struct str value = ipc_get(m, name);

	return value.p ? str_u64(value, max, out) : E_NOTFOUND;
}

bool ipc_get_bool(const struct ipc_msg *m, const char *name)
{
	return str_eqc(ipc_get(m, name), "1");
}

int ipc_take_fd(struct ipc_msg *m, const char *name)
{
	size_t i;
	int fd;

	for (i = 0; i < m->nfds; i++) {
		if (m->fd[i] < 0 || !str_eqc(m->fd_name[i], name))
			continue;
		fd = m->fd[i];
		m->fd[i] = -1;
		return fd;
	}
	return -1;
}

/* ---- printing and parsing ---- */

static void put_value(struct buf *out, struct str value)
{
	static const char hex[] = "0123456789ABCDEF";
	struct cur c = cur_of(value);
	int byte;

	for (;;) {
		buf_str(out, cur_span(&c, class, PLAIN));
		byte = cur_next(&c);
		if (byte < 0)
			return;
		buf_add(out, (char[3]){ '%', hex[byte >> 4], hex[byte & 15] }, 3);
	}
}

/* Bytes of it at most. */
static size_t printed(const struct ipc_msg *m)
{
	size_t n = strlen(IPC_FIRST) + m->verb.n + strlen("\nfds=\n"), i;

	for (i = 0; i < m->nfds; i++)
		n += m->fd_name[i].n + 1;
	for (i = 0; i < m->nfields; i++)
		n += m->field[i].name.n + 3 * m->field[i].value.n + 2;
	return n;
}

int ipc_print(const struct ipc_msg *m, struct buf *out)
{
	size_t i;

	if (m->err)
		return m->err;
	/* all at once: what grows leaves copies of passwords behind */
	(void)buf_room(out, MIN(printed(m), out->max - out->n));
	buf_puts(out, IPC_FIRST);
	buf_str(out, m->verb);
	buf_c(out, '\n');
	for (i = 0; i < m->nfds; i++) {
		buf_puts(out, i ? "," : "fds=");
		buf_str(out, m->fd_name[i]);
	}
	if (m->nfds)
		buf_c(out, '\n');
	for (i = 0; i < m->nfields; i++) {
		buf_str(out, m->field[i].name);
		buf_c(out, '=');
		put_value(out, m->field[i].value);
		buf_c(out, '\n');
	}
	return out->err;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A value, decoded in its place and closed by a NUL; *at moves behind its line. */
static bool get_value(char **at, struct str *out)
{
	char *from = *at, *to = from, *start = from;
	int hi, lo;

	for (;;) {
		char *plain = from;

		while (class[(unsigned char)*from] & PLAIN)
			from++;
		if (to != plain)
			memmove(to, plain, (size_t)(from - plain));
		to += from - plain;
		if (*from != '%')
			break;
		/* before the end of the line there is no digit behind it: no byte behind the packet is read */
		hi = hex_digit(from[1]);
		lo = hi < 0 ? -1 : hex_digit(from[2]);
		if (lo < 0)
			return false;
		*to++ = (char)(hi << 4 | lo);
		from += 3;
	}
	if (*from != '\n')
		return false;
	*to = '\0';
	*out = str_make(start, (size_t)(to - start));
	*at = from + 1;
	return true;
}

/* A name, closed by a NUL where `after` was; *at moves behind it. */
static bool get_name(char **at, char after, struct str *out)
{
	char *from = *at;

	while (class[(unsigned char)**at] & NAME)
		(*at)++;
	*out = str_make(from, (size_t)(*at - from));
	if (**at != after || out->n == 0 || out->n > IPC_NAME_MAX)
		return false;
	*(*at)++ = '\0';
	return true;
}

static int get_fd_names(struct ipc_msg *m, struct str list)
{
	if (m->nfds)
		return E_PEER;
	while (list.p) {
		struct str name = str_cut(&list, ',');

		if (!is_name(name) || !fd_new(m, name, -1))
			return E_PEER;
	}
	return 0;
}

static int get_field(struct ipc_msg *m, char **at)
{
	struct str name, value;

	if (!get_name(at, '=', &name) || !get_value(at, &value))
		return E_PEER;
	if (str_eqc(name, "fds"))
		return get_fd_names(m, value);
	if (m->nfields == IPC_MAX_FIELDS)
		return E_PEER;
	*field_new(m) = (struct ipc_field){ name, value };
	return 0;
}

/* The message lies in the arena as it came, and is taken apart there: each line ends with LF, so that no loop leaves it. */
int ipc_parse(struct str packet, struct ipc_msg *m)
{
	char *at, *end;
	int err = 0;

	*m = (struct ipc_msg){ .owns_fds = true };
	if (packet.n == 0 || packet.n > IPC_MAX || packet.p[packet.n - 1] != '\n' || !str_starts(packet, IPC_FIRST))
		return E_PEER;
	at = arena_cstr(&m->arena, packet);
	end = at + packet.n;
	at += strlen(IPC_FIRST);
	if (!get_name(&at, '\n', &m->verb))
		return E_PEER;
	while (!err && at < end)
		err = get_field(m, &at);
	return err;
}
