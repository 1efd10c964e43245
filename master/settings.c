/* SPDX-License-Identifier: ISC
 *
 * settings.c: the settings file together with what it names: certificates, keys,
 * the password for the smarthost and whom to trust there. Either all of it is good, or every mistake is reported and what
 * was in force stays.
 *
 * master does not parse certificates: a child without any right tries them
 * with the code that front will use (net/tls.h).
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "conf/edit.h"
#include "conf/oauth.h"
#include "net/tls.h"

#define FILE_MAX (1024 * 1024)
#define TEXT_MAX (40 * 1024) /* escaped three times as long, still one IPC message */
#define TRUST_MAX (4 * 1024 * 1024)
#define PASSWORD_MAX 1024
#define TRY_MS 10000

char *settings_path(struct arena *a, const char *config, struct str name)
{
	struct str dir = str_of(config);
	ssize_t slash = str_rfind(dir, '/');

	if (name.n == 0 || name.p[0] == '/' || slash < 0)
		return arena_cstr(a, name);
	return arena_fmt(a, "%.*s/%.*s", (int)slash, config, STRF(name));
}

static int read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = file_read_all(fd, out);
	close(fd);
	return r;
}

static void load_pem(const char *config, struct conf *c, const char *key, struct str name,
	struct buf *out, struct buf *errors)
{
	char *path = settings_path(&c->arena, config, name);
	int r;

	buf_init(out, FILE_MAX);
	r = read_file(path, out);
	if (r < 0)
		buf_fmt(errors, "%s: [tls] %s: %s: %s\n", config, key, path, err_text(r));
}

/* In the child: nothing but memory and the pipe is left. */
static NORETURN void try_child(const struct settings *s, size_t from, int out)
{
	struct tls_certificate cert[CERTS_MAX];
	struct tls_context *ctx;
	const char *why = "";
	size_t i;

	if (proc_drop_rights() < 0)
		_exit(1);
	for (i = from; i < s->ncerts; i++)
		cert[i] = (struct tls_certificate){ buf_view(&s->chain[i]), buf_view(&s->key[i]), s->label[i] };
	if (tls_context_new(cert + from, s->ncerts - from, s->conf->tls_min_version ? "1.3" : "1.2", NULL, &ctx, &why) < 0) {
		file_write_all(out, why, strlen(why));
		_exit(1);
	}
	_exit(0);
}

bool settings_try_certs(const struct settings *s, size_t from, struct buf *why)
{
	int pipe_out = -1, status;
	size_t before = why->n;
	pid_t pid = proc_piped(&pipe_out);

	if (pid == 0)
		try_child(s, from, pipe_out);
	status = proc_collect(pid, pipe_out, TRY_MS, why);
	if (status != 0 && why->n == before)
		buf_puts(why, "the certificates cannot be used");
	return status == 0;
}

static void load_certs(struct settings *s, const char *config, struct buf *errors)
{
	const struct conf *c = s->conf;
	size_t before = errors->n, i;
	struct buf why;

	if (c->tls_certificates.n > CERTS_MAX) {
		buf_fmt(errors, "%s: [tls] more than %d certificates\n", config, CERTS_MAX);
		return;
	}
	s->ncerts = s->nown = c->tls_certificates.n;
	for (i = 0; i < s->ncerts; i++) {
		s->label[i] = c->tls_certificates.v[i];
		load_pem(config, s->conf, "certificates", c->tls_certificates.v[i], &s->chain[i], errors);
		load_pem(config, s->conf, "keys", c->tls_keys.v[i], &s->key[i], errors);
	}
	buf_init(&why, 1024);
	if (s->ncerts > 0 && errors->n == before && !settings_try_certs(s, 0, &why))
		buf_fmt(errors, "%s: [tls] %s\n", config, buf_cstr(&why));
	buf_done(&why);
}

/* --- the smarthost ------------------------------------------------------------- */

/* Whom this system trusts: where its distributions keep the one file. */
static void read_system_trust(struct buf *out)
{
	static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(files) && out->n == 0; i++)
		read_file(files[i], out); /* none: sender says so when it matters */
}

/* One line with a secret; its end is not part of it. */
static void load_secret(struct conf *c, const char *config, const char *key, struct str name, struct buf *out,
	struct buf *errors)
{
	char *path = settings_path(&c->arena, config, name);
	int r = read_file(path, out);

	if (r < 0) {
		buf_fmt(errors, "%s: %s: %s: %s\n", config, key, path, err_text(r));
		return;
	}
	while (out->n && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
		buf_cut(out, out->n - 1);
	if (out->n == 0 || memchr(out->p, '\n', out->n) || memchr(out->p, '\0', out->n))
		buf_fmt(errors, "%s: %s: %s: is not one line with a password\n", config, key, path);
}

static void load_trust(struct conf *c, const char *config, const char *key, struct str name, struct buf *out,
	struct buf *errors)
{
	char *path = settings_path(&c->arena, config, name);
	int r = read_file(path, out);

	if (r < 0)
		buf_fmt(errors, "%s: %s: %s: %s\n", config, key, path, err_text(r));
	else if (str_search(buf_view(out), STR("-----BEGIN CERTIFICATE-----")) < 0)
		buf_fmt(errors, "%s: %s: %s: no certificate in PEM form\n", config, key, path);
}

static void load_smarthost(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->trust, TRUST_MAX);
	buf_init(&s->smarthost_trust, TRUST_MAX);
	buf_init(&s->password, PASSWORD_MAX);
	if (c->send_smarthost_password_file.n)
		load_secret(c, config, "[send] smarthost_password_file", c->send_smarthost_password_file, &s->password, errors);
	if (c->send_smarthost_ca.n)
		load_trust(c, config, "[send] smarthost_ca", c->send_smarthost_ca, &s->smarthost_trust, errors);
	if (c->send_ca.n)
		load_trust(c, config, "[send] ca", c->send_ca, &s->trust, errors);
	else if (c->send_direct || (c->send_smarthost.n && c->send_smarthost_tls == CONF_SMARTHOST_VERIFY))
		read_system_trust(&s->trust);
}

static void load_acme(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->acme_trust, TRUST_MAX);
	buf_init(&s->acme_eab, PASSWORD_MAX);
	if (!c->acme_enabled)
		return;
	if (c->acme_eab_key_file.n)
		load_secret(c, config, "[acme] eab_key_file", c->acme_eab_key_file, &s->acme_eab, errors);
	if (c->acme_ca_file.n)
		load_trust(c, config, "[acme] ca_file", c->acme_ca_file, &s->acme_trust, errors);
	else
		read_system_trust(&s->acme_trust);
}

static void load_sts(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->sts_trust, TRUST_MAX);
	if (c->sts_ca.n)
		load_trust(c, config, "[sts] ca", c->sts_ca, &s->sts_trust, errors);
	else if (c->sts_enabled)
		read_system_trust(&s->sts_trust);
}

static void load_import(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->import_trust, TRUST_MAX);
	if (c->import_ca.n)
		load_trust(c, config, "[import] ca", c->import_ca, &s->import_trust, errors);
	else
		read_system_trust(&s->import_trust);
}

static void load_hook(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->hook_trust, TRUST_MAX);
	buf_init(&s->hook_secret, PASSWORD_MAX);
	if (c->webhook_url.n == 0)
		return;
	if (c->webhook_secret_file.n)
		load_secret(c, config, "[webhook] secret_file", c->webhook_secret_file, &s->hook_secret, errors);
	if (c->webhook_ca_file.n)
		load_trust(c, config, "[webhook] ca_file", c->webhook_ca_file, &s->hook_trust, errors);
	else
		read_system_trust(&s->hook_trust);
}

static void load_ldap(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->ldap_trust, TRUST_MAX);
	buf_init(&s->ldap_password, PASSWORD_MAX);
	if (!conf_has_directory(c, "ldap"))
		return;
	if (c->ldap_bind_password_file.n)
		load_secret(c, config, "[ldap] bind_password_file", c->ldap_bind_password_file, &s->ldap_password, errors);
	if (c->ldap_ca_file.n)
		load_trust(c, config, "[ldap] ca_file", c->ldap_ca_file, &s->ldap_trust, errors);
	else
		read_system_trust(&s->ldap_trust);
}

static void load_pgsql(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->pgsql_trust, TRUST_MAX);
	buf_init(&s->pgsql_password, PASSWORD_MAX);
	if (!conf_has_directory(c, "pgsql"))
		return;
	if (c->pgsql_password_file.n)
		load_secret(c, config, "[pgsql] password_file", c->pgsql_password_file, &s->pgsql_password, errors);
	if (c->pgsql_ca_file.n)
		load_trust(c, config, "[pgsql] ca_file", c->pgsql_ca_file, &s->pgsql_trust, errors);
	else
		read_system_trust(&s->pgsql_trust);
}

static void load_oldserver(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->oldserver_trust, TRUST_MAX);
	if (c->oldserver_host.n && c->oldserver_ca_file.n)
		load_trust(c, config, "[oldserver] ca_file", c->oldserver_ca_file, &s->oldserver_trust, errors);
	else if (c->oldserver_host.n)
		read_system_trust(&s->oldserver_trust);
}

static void load_provider(struct settings *s, const char *config, struct buf *errors)
{
	struct conf *c = s->conf;

	buf_init(&s->oauth_trust, TRUST_MAX);
	buf_init(&s->oauth_secret, PASSWORD_MAX);
	if (!conf_oauth_asks(c))
		return;
	if (c->oauth_client_secret_file.n)
		load_secret(c, config, "[oauth] client_secret_file", c->oauth_client_secret_file, &s->oauth_secret, errors);
	if (c->oauth_ca_file.n)
		load_trust(c, config, "[oauth] ca_file", c->oauth_ca_file, &s->oauth_trust, errors);
	else
		read_system_trust(&s->oauth_trust);
}

/* What the file leaves to the system. */
static void fill_in(struct settings *s, const char *config, const char *state)
{
	struct conf *c = s->conf;

	if (state)
		c->server_state = arena_str(&c->arena, str_of(state));
	else
		c->server_state = str_of(settings_path(&c->arena, config, c->server_state));
	if (c->server_hostname.n == 0)
		c->server_hostname = arena_str(&c->arena, str_of(conf_hostname(c)));
	buf_init(&s->text, TEXT_MAX);
	conf_print(c, true, &s->text);
}

/* What a setting names is wrong: "FILE: [section] key: ..." gets the line of that setting, "FILE:LINE: ...". */
static void name_lines(struct str file, const char *path, size_t before, struct buf *errors)
{
	struct str rest, line, text, section, key;
	char name[2][40];
	unsigned at;
	struct buf b;

	buf_init(&b, errors->max);
	buf_str(&b, str_from(buf_view(errors), before));
	buf_cut(errors, before);
	for (rest = buf_view(&b); rest.n > 0;) {
		line = str_cut(&rest, '\n');
		text = str_starts(line, path) ? str_from(line, strlen(path)) : STR_NONE;
		at = 0;
		if (str_starts(text, ": [")) {
			key = str_from(text, 3);
			section = str_cut(&key, ']');
			key = str_trim(str_cut(&key, ':'));
			snprintf(name[0], sizeof(name[0]), "%.*s", STRF(section));
			snprintf(name[1], sizeof(name[1]), "%.*s", STRF(key));
			at = conf_edit_line(file, name[0], name[1]);
		}
		if (at)
			buf_fmt(errors, "%s:%u%.*s\n", path, at, STRF(text));
		else
			buf_fmt(errors, "%.*s\n", STRF(line));
	}
	buf_done(&b);
}

int settings_load_text(const char *path, struct str text, const char *state, enum settings_rules rules,
	struct settings **out, struct buf *errors)
{
	struct settings *s = mem_alloc(1, sizeof(*s));
	size_t before = errors->n;

	s->rules = -1;
	buf_init(&s->file, FILE_MAX);
	buf_str(&s->file, text);
	if (conf_parse(text, path, errors, &s->conf) == 0) {
		fill_in(s, path, state);
		load_certs(s, path, errors);
		load_smarthost(s, path, errors);
		load_import(s, path, errors);
		load_sts(s, path, errors);
		load_acme(s, path, errors);
		load_hook(s, path, errors);
		load_ldap(s, path, errors);
		load_pgsql(s, path, errors);
		load_oldserver(s, path, errors);
		settings_load_oauth(s, path, errors);
		settings_load_client_ca(s, path, errors);
		settings_load_keytab(s, path, errors);
		load_provider(s, path, errors);
		settings_load_rules(s, path);
		if (rules == RULES_TOO)
			buf_str(errors, buf_view(&s->rules_why));
		if (s->text.err < 0)
			buf_fmt(errors, "%s: larger than %d bytes\n", path, TEXT_MAX);
	}
	if (errors->n > before && errors->err == 0)
		name_lines(text, path, before, errors);
	if (errors->n > before || errors->err < 0) {
		settings_free(s);
		return E_SYNTAX;
	}
	*out = s;
	return 0;
}

int settings_load(const char *path, const char *state, enum settings_rules rules, struct settings **out, struct buf *errors)
{
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = read_file(path, &text);
	if (r < 0) {
		buf_fmt(errors, "%s: %s\n", path, err_text(r));
		r = E_SYNTAX;
	} else {
		r = settings_load_text(path, buf_view(&text), state, rules, out, errors);
	}
	buf_done(&text);
	return r;
}

void settings_free(struct settings *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->ncerts; i++) {
		buf_done(&s->chain[i]);
		buf_wipe(&s->key[i]);
	}
	buf_done(&s->text);
	buf_done(&s->file);
	buf_done(&s->trust);
	buf_done(&s->smarthost_trust);
	buf_done(&s->import_trust);
	buf_done(&s->sts_trust);
	buf_wipe(&s->password);
	buf_done(&s->acme_trust);
	buf_wipe(&s->acme_eab);
	buf_done(&s->hook_trust);
	buf_wipe(&s->hook_secret);
	buf_done(&s->ldap_trust);
	buf_wipe(&s->ldap_password);
	buf_done(&s->pgsql_trust);
	buf_done(&s->oldserver_trust);
	buf_wipe(&s->pgsql_password);
	buf_done(&s->oauth_keys);
	buf_wipe(&s->keytab);
	buf_done(&s->client_ca);
	buf_done(&s->client_crl);
	buf_done(&s->oauth_trust);
	buf_wipe(&s->oauth_secret);
	buf_done(&s->access);
	buf_done(&s->rewrite);
	buf_done(&s->rules_why);
	fd_close(&s->rules);
	conf_free(s->conf);
	free(s);
}

int settings_memory(const char *name, const struct buf *content)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (file_write_all(fd, content->p, content->n) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

size_t settings_add_certs(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	char name[32];
	size_t i, n = 0;
	int fd;

	for (i = 0; i < s->ncerts; i++) {
		snprintf(name, sizeof(name), "cert.%zu", i);
		fd = settings_memory(name, &s->chain[i]);
		if (fd < 0)
			break;
		ipc_add_fd(m, name, fd_out[n++] = fd);
		snprintf(name, sizeof(name), "key.%zu", i);
		fd = settings_memory(name, &s->key[i]);
		if (fd < 0)
			break;
		ipc_add_fd(m, name, fd_out[n++] = fd);
		ipc_set(m, "cert", s->label[i]);
	}
	return n;
}

size_t settings_add_chains(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	char name[32];
	size_t i, n = 0;
	int fd;

	for (i = 0; i < s->ncerts; i++) {
		snprintf(name, sizeof(name), "cert.%zu", i);
		fd = settings_memory(name, &s->chain[i]);
		if (fd < 0)
			break;
		ipc_add_fd(m, name, fd_out[n++] = fd);
		ipc_set(m, "cert", s->label[i]);
	}
	return n;
}

static size_t add_files(const struct buf *const *file, const char *const *name, size_t count, struct ipc_msg *m,
	int *fd_out)
{
	size_t i, n = 0;
	int fd;

	for (i = 0; i < count; i++) {
		fd = file[i]->n ? settings_memory(name[i], file[i]) : -1;
		if (fd >= 0)
			ipc_add_fd(m, name[i], fd_out[n++] = fd);
	}
	return n;
}

size_t settings_add_sts(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	int fd = s->sts_trust.n ? settings_memory("trust", &s->sts_trust) : -1;

	if (fd < 0)
		return 0;
	ipc_add_fd(m, "trust", fd_out[0] = fd);
	return 1;
}

size_t settings_add_import(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	int fd = s->import_trust.n ? settings_memory("trust", &s->import_trust) : -1;

	if (fd < 0)
		return 0;
	ipc_add_fd(m, "trust", fd_out[0] = fd);
	return 1;
}

size_t settings_add_smarthost(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->trust, &s->smarthost_trust, &s->password };
	static const char *const name[] = { "trust", "smarthost_trust", "password" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}

size_t settings_add_acme(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->acme_trust, &s->acme_eab };
	static const char *const name[] = { "trust", "eab" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}

size_t settings_add_hook(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->hook_trust, &s->hook_secret };
	static const char *const name[] = { "trust", "secret" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}

size_t settings_add_directory(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->ldap_trust, &s->ldap_password, &s->pgsql_trust, &s->pgsql_password, &s->oldserver_trust };
	static const char *const name[] = { "ldap.trust", "ldap.password", "pgsql.trust", "pgsql.password", "oldserver.trust" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}

size_t settings_add_oauth(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->oauth_keys };
	static const char *const name[] = { "keys" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}

size_t settings_add_provider(const struct settings *s, struct ipc_msg *m, int *fd_out)
{
	const struct buf *const file[] = { &s->oauth_trust, &s->oauth_secret };
	static const char *const name[] = { "trust", "secret" };

	return add_files(file, name, ARRAY_LEN(file), m, fd_out);
}
