/* SPDX-License-Identifier: ISC
 *
 * certs.c: certificates that nobody configured. Behind those of [tls] stand, in this order:
 *
 *   the issued one   STATE/acme/live.pem (key and chain in one file, so that they cannot
 *                    be of two kinds), if [acme] is enabled; written by acmed
 *   self-signed      STATE/tls/self-signed.pem, if there is no other at all: TLS is there
 *                    from the first start, and its fingerprint stays
 *
 * acmed's folder is a stranger's to us: the file is opened beneath it without links, must
 * be an ordinary one of acmed's own, and nothing in it is parsed here. A child without
 * rights tries it; if it is no good, the suite goes on without it and says so.
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "net/cert.h"

#define PEM_MAX (256 * 1024)
#define MAKE_MS 10000
#define SELF_DAYS 825
#define SELF_LEFT_DAYS 30 /* with less left it is made anew */
#define AGAIN_MS 500 /* acmed is heard at most twice a second */
#define SELF_FILE "self-signed.pem"

/* --- reading ------------------------------------------------------------------ */

static int read_acme(struct master *m, const char *name, struct buf *out)
{
	int fd = file_open(m->dir_acme, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0), r;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != m->ids[PROGRAM_acmed].uid)
		r = E_DENIED;
	else
		r = file_read_all(fd, out);
	close(fd);
	return r;
}

/* One file is key and chain, in this order; the chain alone may be shown to others. */
static size_t append(struct settings *s, const struct buf *pem, struct str label)
{
	ssize_t chain = str_search(buf_view(pem), STR("-----BEGIN CERTIFICATE-----"));
	size_t i = s->ncerts;

	buf_init(&s->chain[i], PEM_MAX);
	buf_init(&s->key[i], PEM_MAX);
	buf_str(&s->chain[i], str_from(buf_view(pem), chain < 0 ? pem->n : (size_t)chain));
	buf_str(&s->key[i], buf_view(pem));
	s->label[i] = label;
	return s->ncerts++;
}

static void drop_last(struct settings *s)
{
	s->ncerts--;
	buf_wipe(&s->chain[s->ncerts]);
	buf_wipe(&s->key[s->ncerts]);
}

static void add_issued(struct master *m)
{
	struct settings *s = m->set;
	struct buf pem, why;
	int r;

	buf_init(&pem, PEM_MAX);
	buf_init(&why, 1024);
	r = read_acme(m, "live.pem", &pem);
	if (r == -ENOENT) {
		trace_event(TRACE_INFO, "acme-certificate", NULL, "none yet");
	} else if (r < 0) {
		trace_event(TRACE_ERROR, "acme-certificate", NULL, "acme/live.pem: %s", err_text(r));
	} else {
		size_t i = append(s, &pem, STR("acme/live.pem"));

		if (!settings_try_certs(s, i, &why)) {
			trace_event(TRACE_ERROR, "acme-certificate", NULL, "%s", buf_cstr(&why));
			drop_last(s);
		}
	}
	buf_wipe(&pem);
	buf_done(&why);
}

/* --- self-signed ---------------------------------------------------------------- */

/* In the child: nothing is written if the present one will do, else the new one. */
static NORETURN void self_child(struct str have, const char *hostname, int out)
{
	const struct str names[] = { str_of(hostname), STR("localhost") };
	size_t n = strcmp(hostname, "localhost") == 0 ? 1 : 2;
	struct cert_facts f;
	struct buf pem;

	if (proc_drop_rights() < 0)
		_exit(1);
	if (cert_facts(have, &f) == 0 && cert_is_for(have, hostname) && cert_fits_key(have, have) &&
		f.not_before <= clock_unix() && f.not_after > clock_unix() + SELF_LEFT_DAYS * 86400)
		_exit(0);
	buf_init(&pem, PEM_MAX);
	if (cert_key_new(&pem) < 0 || cert_self_signed(buf_view(&pem), names, n, SELF_DAYS, NULL, &pem) < 0)
		_exit(1);
	_exit(file_write_all(out, pem.p, pem.n) < 0);
}

static void add_self_signed(struct master *m)
{
	int fd = -1, status, r = 0;
	struct buf have, made;
	pid_t pid;

	buf_init(&have, PEM_MAX);
	buf_init(&made, PEM_MAX);
	file_load(m->dir_tls, SELF_FILE, &have); /* none: it is made */
	pid = proc_piped(&fd);
	if (pid == 0)
		self_child(buf_view(&have), conf_hostname(m->set->conf), fd);
	status = proc_collect(pid, fd, MAKE_MS, &made);
	if (status == 0 && made.n)
		r = file_replace(m->dir_tls, SELF_FILE, buf_view(&made), 0600);
	if (status != 0 || r < 0)
		trace_event(TRACE_ERROR, "self-signed", NULL, "no certificate could be made: %s",
			r < 0 ? err_text(r) : proc_status_text(status));
	else
		append(m->set, made.n ? &made : &have, STR("self-signed"));
	buf_wipe(&have);
	buf_wipe(&made);
}

/* --- for others -------------------------------------------------------------------- */

void certs_add(struct master *m)
{
	struct settings *s = m->set;

	while (s->ncerts > s->nown)
		drop_last(s);
	if (s->conf->acme_enabled && s->ncerts < CERTS_MAX)
		add_issued(m);
	if (s->ncerts == 0)
		add_self_signed(m);
}

/* The key after the one in use (acme/rekey.c), as the certificate that stands behind it in its file: for checkd. */
size_t certs_add_next(struct master *m, struct ipc_msg *msg, int *fd_out)
{
	struct buf pem, chain;
	ssize_t at = -1;
	int fd = -1;

	buf_init(&pem, PEM_MAX);
	buf_init(&chain, PEM_MAX);
	if (m->set->conf->acme_enabled && read_acme(m, "next.pem", &pem) == 0)
		at = str_search(buf_view(&pem), STR("-----BEGIN CERTIFICATE-----"));
	if (at >= 0) {
		buf_str(&chain, str_from(buf_view(&pem), (size_t)at));
		fd = settings_memory("next", &chain);
	}
	buf_wipe(&pem);
	buf_done(&chain);
	if (fd < 0)
		return 0;
	ipc_add_fd(msg, "next", fd_out[0] = fd);
	return 1;
}

void certs_due(struct master *m)
{
	if (m->certs_at == DEADLINE_NEVER)
		m->certs_at = deadline_in(AGAIN_MS);
}

void certs_tick(struct master *m)
{
	if (m->certs_at == DEADLINE_NEVER || !deadline_passed(m->certs_at))
		return;
	m->certs_at = DEADLINE_NEVER;
	if (m->stopping)
		return;
	certs_add(m);
	procs_certs(m);
	trace_event(TRACE_INFO, "reload", NULL, "certificates");
}
