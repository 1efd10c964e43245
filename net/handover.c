/* SPDX-License-Identifier: ISC
 *
 * handover.c: the fields of a session on its way, to and from an IPC message.
 *
 * Both sides parse what the other sent as a stranger's: every field has a
 * maximum, numbers a range, the session id its alphabet. Addresses travel as
 * text and port apart, so that no form of "host:port" is ambiguous.
 */
#include "net/handover.h"

#include "net/fingerprint.h"

#define ID_LEN 12
#define SERVICE_MAX 16
#define TEXT_MAX 1024 /* helo, tag, user, cipher ... */
#define STATE_MAX 8192
#define LOOK_MAX 256

static void print_addr(struct ipc_msg *m, const char *name, const char *port_name, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->family == 0)
		return;
	ipc_setc(m, name, addr_text(a, text));
	ipc_set_u64(m, port_name, a->port);
}

static void print_str(struct ipc_msg *m, const char *name, struct str s)
{
	if (s.n > 0)
		ipc_set(m, name, s);
}

void handover_print(const struct handover *h, struct ipc_msg *m)
{
	ipc_set(m, "id", h->id);
	ipc_set(m, "service", h->service);
	print_addr(m, "peer", "peer_port", &h->peer);
	print_addr(m, "local", "local_port", &h->local);
	print_str(m, "ticket", h->ticket);
	print_str(m, "user", h->user);
	print_str(m, "tls_version", h->tls_version);
	print_str(m, "tls_cipher", h->tls_cipher);
	print_str(m, "tls_sni", h->tls_sni);
	if (h->tls_bits)
		ipc_set_u64(m, "tls_bits", h->tls_bits);
	print_str(m, "client_cert", h->client_cert);
	print_str(m, "client_key", h->client_key);
	ipc_set_bool(m, "pumped", h->pumped);
	print_str(m, "helo", h->helo);
	ipc_set_bool(m, "esmtp", h->esmtp);
	print_str(m, "tag", h->tag);
	print_str(m, "id_params", h->id_params);
	print_str(m, "command", h->command);
	if (h->parked)
		ipc_set_u64(m, "parked", h->parked);
	ipc_set_bool(m, "parked_data", h->parked_data);
	if (h->parked_need)
		ipc_set_u64(m, "parked_need", h->parked_need);
	ipc_set_bool(m, "pressed", h->pressed);
	ipc_set_u64(m, "errors", h->errors);
	print_str(m, "state", h->state);
	print_str(m, "look", h->look);
	if (h->idle_left)
		ipc_set_u64(m, "idle_left", h->idle_left);
	if (h->may_sleep)
		ipc_set_bool(m, "may_sleep", true);
}

static int get_str(const struct ipc_msg *m, const char *name, size_t max, struct str *out)
{
	*out = ipc_get(m, name);
	return out->n > max ? E_PEER : 0;
}

static int get_fingerprint(const struct ipc_msg *m, const char *name, struct str *out)
{
	char hex[FINGERPRINT_HEX + 1];

	*out = ipc_get(m, name);
	return out->n == 0 || fingerprint_parse(*out, hex) == 0 ? 0 : E_PEER;
}

static int get_num(const struct ipc_msg *m, const char *name, uint64_t max, uint64_t *out)
{
	int r = ipc_get_u64(m, name, max, out);

	if (r == E_NOTFOUND) {
		*out = 0;
		return 0;
	}
	return r < 0 ? E_PEER : 0;
}

static int get_addr(const struct ipc_msg *m, const char *name, const char *port_name, struct addr *out)
{
	struct str s = ipc_get(m, name);
	uint64_t port;

	memset(out, 0, sizeof *out);
	if (!s.p)
		return 0;
	if (addr_parse(s, out) < 0 || get_num(m, port_name, 65535, &port) < 0)
		return E_PEER;
	out->port = (uint16_t)port;
	return 0;
}

static bool id_ok(struct str id)
{
	size_t i;

	if (id.n != ID_LEN)
		return false;
	for (i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'z')))
			return false;
	return true;
}

int handover_parse(const struct ipc_msg *m, struct handover *out)
{
	struct handover h = { 0 };
	uint64_t bits, errors, idle_left, parked, need;

	if (get_str(m, "id", ID_LEN, &h.id) < 0 || !id_ok(h.id) ||
		get_str(m, "service", SERVICE_MAX, &h.service) < 0 || h.service.n == 0 ||
		get_addr(m, "peer", "peer_port", &h.peer) < 0 ||
		get_addr(m, "local", "local_port", &h.local) < 0 ||
		get_str(m, "ticket", TEXT_MAX, &h.ticket) < 0 ||
		get_str(m, "user", TEXT_MAX, &h.user) < 0 ||
		get_str(m, "tls_version", TEXT_MAX, &h.tls_version) < 0 ||
		get_str(m, "tls_cipher", TEXT_MAX, &h.tls_cipher) < 0 ||
		get_str(m, "tls_sni", TEXT_MAX, &h.tls_sni) < 0 ||
		get_num(m, "tls_bits", 65536, &bits) < 0 ||
		get_fingerprint(m, "client_cert", &h.client_cert) < 0 ||
		get_fingerprint(m, "client_key", &h.client_key) < 0 ||
		get_str(m, "helo", TEXT_MAX, &h.helo) < 0 ||
		get_str(m, "tag", TEXT_MAX, &h.tag) < 0 ||
		get_str(m, "id_params", 4 * TEXT_MAX, &h.id_params) < 0 ||
		get_str(m, "command", IPC_MAX, &h.command) < 0 ||
		get_num(m, "parked", h.command.n, &parked) < 0 ||
		get_num(m, "parked_need", INT64_MAX, &need) < 0 ||
		get_num(m, "errors", UINT32_MAX, &errors) < 0 ||
		get_str(m, "state", STATE_MAX, &h.state) < 0 ||
		get_str(m, "look", LOOK_MAX, &h.look) < 0 ||
		get_num(m, "idle_left", INT32_MAX, &idle_left) < 0)
		return E_PEER;
	h.tls_bits = (uint32_t)bits;
	h.parked = (uint32_t)parked;
	h.parked_need = need;
	h.parked_data = ipc_get_bool(m, "parked_data");
	h.pressed = ipc_get_bool(m, "pressed");
	h.errors = (uint32_t)errors;
	h.idle_left = (uint32_t)idle_left;
	h.may_sleep = ipc_get_bool(m, "may_sleep");
	h.pumped = ipc_get_bool(m, "pumped");
	h.esmtp = ipc_get_bool(m, "esmtp");
	*out = h;
	return 0;
}
