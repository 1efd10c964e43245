/* SPDX-License-Identifier: ISC
 *
 * kerberos.c: see kerberos.h.
 *
 * Invariant: once prepared, the three numbers stay open in the parent and every worker; what is behind two of them a worker
 * exchanges for its own (dup2), so that names which the library was told once are good for ever.
 */
#include "auth/kerberos.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/resolve.h"
#include "base/file.h"
#include "conf/conf.h"
#include "conf/realm.h"

static struct {
	bool ready;
	int settings, keytab, replays;
} names = { .settings = -1, .keytab = -1, .replays = -1 };

bool kerberos_is(struct str mech)
{
	return str_eqc(mech, "GSSAPI") || str_eqc(mech, "GS2-KRB5") || str_eqc(mech, "GS2-KRB5-PLUS");
}

const char *kerberos_service(struct str service)
{
	return str_starts(service, "imap") ? "imap" : str_starts(service, "pop3") ? "pop" : "smtp";
}

/* --- the library's files -------------------------------------------------------------------- */

static int memory(const char *name, const char *variable, const char *fmt)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	char path[64];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/proc/self/fd/%d", fmt, fd);
	return setenv(variable, path, 1) == 0 ? fd : E_TEMP;
}

int kerberos_prepare(const struct conf *c)
{
	names.settings = memory("kerberos", "KRB5_CONFIG", "");
	names.keytab = memory("keytab", "KRB5_KTNAME", "FILE:");
	names.replays = memory("replays", "KRB5RCACHENAME", "file2:");
	if (names.settings < 0 || names.keytab < 0 || names.replays < 0)
		return E_TEMP;
	names.ready = true;
	return kerberos_settings(c);
}

static void print_settings(const struct conf *c, struct buf *out)
{
	struct kerberos_realm first = { .realm = STR("") };

	if (c->kerberos_realms.n > 0)
		kerberos_realm_parse(c->kerberos_realms.v[0], &first);
	buf_fmt(out, "[libdefaults]\n"
		" default_realm = %.*s\n"
		" dns_lookup_kdc = false\n"
		" dns_lookup_realm = false\n"
		" dns_canonicalize_hostname = false\n"
		" qualify_shortname = \"\"\n"
		" rdns = false\n"
		" ignore_acceptor_hostname = true\n" /* a key of our service under any name of this host */
		" clockskew = %lld\n", STRF(first.realm), (long long)(c->kerberos_clock_skew / 1000));
}

int kerberos_settings(const struct conf *c)
{
	struct buf text;
	int fd, r;

	if (!names.ready)
		return 0;
	buf_init(&text, 4096);
	print_settings(c, &text);
	fd = memfd_create("kerberos", MFD_CLOEXEC);
	r = fd < 0 ? -errno : text.err ? text.err : file_write_all(fd, text.p, text.n);
	if (r == 0 && dup3(fd, names.settings, O_CLOEXEC) < 0)
		r = -errno;
	fd_close(&fd);
	buf_done(&text);
	return r;
}

int kerberos_keytab(int fd)
{
	int r = 0;

	if (names.ready && fd >= 0 && dup3(fd, names.keytab, O_CLOEXEC) < 0)
		r = -errno;
	fd_close(&fd);
	return r;
}

/* --- whose account -------------------------------------------------------------------------- */

/* Realms are told apart by case (RFC 4120 6.1). */
static bool realm_of(const struct conf *c, struct str name, struct kerberos_realm *out)
{
	size_t i;

	for (i = 0; i < c->kerberos_realms.n; i++)
		if (kerberos_realm_parse(c->kerberos_realms.v[i], out) == 0 && (!name.p || str_eq(out->realm, name)))
			return true;
	return false;
}

/* The part before the realm, and that realm; p NULL: it has none. */
static struct str cut_realm(struct str principal, struct str *name_out)
{
	*name_out = str_cut(&principal, '@');
	return principal;
}

bool kerberos_is_principal(const struct conf *c, struct str name)
{
	struct kerberos_realm r;
	struct str local, realm = cut_realm(name, &local);

	return !realm.p || realm_of(c, realm, &r);
}

int kerberos_account(const struct conf *c, struct str principal, struct arena *a, struct str *out, const char **why_out)
{
	struct str name, realm = cut_realm(principal, &name), domain, local;
	struct kerberos_realm r;
	struct buf b;
	int q;

	/* a component more is another person, or none: anna/admin, imap/HOST; and a backslash hides one of these letters */
	if (name.n == 0 || str_find(name, '/') >= 0 || str_find(name, '\\') >= 0 || str_find(name, '"') >= 0) {
		*why_out = "the principal is not that of a person";
		return E_DENIED;
	}
	if (!realm_of(c, realm, &r)) {
		*why_out = "a realm that is not ours";
		return E_DENIED;
	}
	buf_init(&b, 1024);
	buf_fmt(&b, "%.*s@%.*s", STRF(name), STRF(r.domain.n ? r.domain : r.realm));
	q = b.err ? E_SYNTAX : address_read(buf_view(&b), a, &local, &domain);
	buf_done(&b);
	*why_out = "the principal is no address";
	if (q < 0)
		return E_DENIED;
	*out = address_name(local, domain, a);
	return 0;
}
