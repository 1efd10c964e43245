/* SPDX-License-Identifier: ISC
 *
 * client_ca.c: who vouches for the certificates of clients, [auth] client_ca and client_crl, for front and authd.
 *
 * master reads the files at a start and at each reload; a child without any right tries them with the code that will use
 * them. What cannot be used is an error of the settings: those of before stay. A list that is out of force is none: it lets
 * nobody in, and who renews it later need not start anything.
 */
#include "master/master.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "net/client_cert.h"

#define MARK_CRL "-----BEGIN X509 CRL-----"

/* 0, or the error is told. */
static int load(struct settings *s, const char *config, const char *key, struct str name, struct buf *out, struct buf *errors)
{
	char *path = settings_path(&s->conf->arena, config, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r = fd < 0 ? -errno : file_read_all(fd, out);

	fd_close(&fd);
	if (r < 0)
		buf_fmt(errors, "%s: [auth] %s: %s: %s\n", config, key, path, err_text(r));
	return r;
}

static int check(struct str text, const void *arg, struct buf *why)
{
	const struct conf *c = arg;
	struct client_ca *ca;
	int r = client_ca_new(text, (unsigned)c->auth_client_depth, &ca, why);

	if (r == 0)
		client_ca_free(ca);
	return r;
}

/* Both, as they go to who uses them. */
static void join(const struct settings *s, struct buf *out)
{
	buf_init(out, CLIENT_CA_FILE_MAX);
	buf_str(out, buf_view(&s->client_ca));
	buf_c(out, '\n');
	buf_str(out, buf_view(&s->client_crl));
}

void settings_load_client_ca(struct settings *s, const char *config, struct buf *errors)
{
	const struct conf *c = s->conf;
	struct buf both, why;

	buf_init(&s->client_ca, CLIENT_CA_FILE_MAX / 2 - 1);
	buf_init(&s->client_crl, CLIENT_CA_FILE_MAX / 2 - 1);
	if (c->auth_client_ca.n == 0 || load(s, config, "client_ca", c->auth_client_ca, &s->client_ca, errors) < 0 ||
		(c->auth_client_crl.n > 0 && load(s, config, "client_crl", c->auth_client_crl, &s->client_crl, errors) < 0))
		return;
	join(s, &both);
	buf_init(&why, 1024);
	if (c->auth_client_crl.n > 0 && str_search(buf_view(&s->client_crl), STR(MARK_CRL)) < 0)
		buf_fmt(errors, "%s: [auth] client_crl: %.*s: no list of revoked certificates in PEM form\n", config,
			STRF(c->auth_client_crl));
	else if (!settings_usable(check, buf_view(&both), c, &why))
		buf_fmt(errors, "%s: [auth] client_ca: %.*s: %s\n", config, STRF(c->auth_client_ca), buf_cstr(&why));
	buf_done(&both);
	buf_done(&why);
}

size_t settings_add_client_ca(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	struct buf both;
	int fd = -1;

	if (s->client_ca.n == 0)
		return 0;
	join(s, &both);
	fd = settings_memory("client_ca", &both);
	buf_done(&both);
	if (fd < 0)
		return 0;
	ipc_add_fd(m, "client_ca", fd_out[0] = fd);
	return 1;
}
