/* SPDX-License-Identifier: ISC
 *
 * challenge.c: what acmed has us answer while an authority looks at us (RFC 8555 8.3, RFC 8737).
 *
 *   acmed -> front  challenge id= kind=http token= answer=
 *                   challenge id= kind=tls name= + cert, key (files in memory)
 *                   clear id= (all)
 *   front -> acmed  ok id=
 *
 * Challenges last no longer than the link that they came on: an acmed that is gone, or
 * replaced, leaves nothing that is answered.
 */
#include "front/conn.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define PEM_MAX (64 * 1024)
#define CHALLENGES 128

static struct {
	char token[256], answer[512];
} pending[CHALLENGES];
static size_t npending;

const char *challenge_answer(const struct front *f, struct str token)
{
	size_t i;

	(void)f;
	for (i = 0; i < npending; i++)
		if (str_eqc(token, pending[i].token))
			return pending[i].answer;
	return NULL;
}

void challenge_clear(void)
{
	npending = 0;
	tls_challenge_clear(NULL);
}

static int set_http(struct ipc_msg *m)
{
	struct str token = ipc_get(m, "token"), text = ipc_get(m, "answer");

	if (npending == CHALLENGES)
		return E_FULL;
	if (token.n == 0 || token.n >= sizeof pending[0].token || text.n >= sizeof pending[0].answer)
		return E_LIMIT;
	snprintf(pending[npending].token, sizeof pending[0].token, "%.*s", STRF(token));
	snprintf(pending[npending++].answer, sizeof pending[0].answer, "%.*s", STRF(text));
	return 0;
}

static int take_pem(struct ipc_msg *m, const char *name, struct buf *out)
{
	int fd = ipc_take_fd(m, name), r;

	buf_init(out, PEM_MAX);
	if (fd < 0)
		return E_NOTFOUND;
	r = front_read_pem(fd, out);
	close(fd);
	return r;
}

static int set_tls(struct ipc_msg *m)
{
	char *name = arena_cstr(&m->arena, ipc_get(m, "name"));
	struct buf cert, key;
	int r = take_pem(m, "cert", &cert), k = take_pem(m, "key", &key);

	if (r == 0)
		r = k;
	if (r == 0)
		r = tls_challenge_set(name, buf_view(&cert), buf_view(&key));
	buf_done(&cert);
	buf_wipe(&key);
	return r;
}

void challenge_message(struct front *f, int link, struct ipc_msg *m)
{
	struct ipc_msg ok;
	int r;

	(void)f;
	if (ipc_is(m, "clear")) {
		challenge_clear();
		r = 0;
	} else if (ipc_is(m, "challenge")) {
		r = str_eqc(ipc_get(m, "kind"), "tls") ? set_tls(m) : set_http(m);
	} else {
		return;
	}
	if (r < 0)
		trace_event(TRACE_ERROR, "acme-challenge", NULL, "cannot be answered: %s", err_text(r));
	ipc_init(&ok, "ok");
	ipc_set(&ok, "id", ipc_get(m, "id"));
	ipc_set_bool(&ok, "good", r == 0);
	ipc_try_send(link, &ok);
	ipc_done(&ok);
}
