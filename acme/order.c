/* SPDX-License-Identifier: ISC
 *
 * order.c: one order, straight through (RFC 8555 7.4, 7.5, 8; RFC 8737).
 *
 *   new order -> authorizations -> publish all answers -> "look" -> wait for each
 *             -> finalize -> wait -> download -> check -> live.pem, state
 *
 * What was published is taken back whatever happens. The order counts (state, durably)
 * before it is asked for, so that no crash loop makes more of them than are allowed.
 */
#include "acme/order.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/rand.h"
#include "net/cert.h"
#include "net/ipc.h"

#define PUBLISH_MS 10000
#define PEM_MAX (256 * 1024)
#define DAY 86400

struct authorization {
	char url[ACME_URL], challenge[ACME_URL], token[256], name[300];
	bool open, published;
};

/* --- names --------------------------------------------------------------------- */

size_t order_names(const struct conf *c, struct str out[CONF_ACME_NAMES])
{
	size_t i;

	for (i = 0; i < c->acme_names.n && i < CONF_ACME_NAMES; i++)
		out[i] = c->acme_names.v[i];
	if (i == 0)
		out[i++] = str_of(conf_hostname(c));
	return i;
}

bool order_covers(struct str pem, struct str name)
{
	char text[300];

	if (str_starts(name, "*."))
		snprintf(text, sizeof text, "any%.*s", STRF(str_from(name, 1)));
	else
		snprintf(text, sizeof text, "%.*s", STRF(name));
	return cert_is_for(pem, text);
}

static void join(const struct str *names, size_t n, char *out, size_t size)
{
	size_t i, at = 0;

	out[0] = '\0';
	for (i = 0; i < n && at + names[i].n + 3 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%.*s", i ? ", " : "", STRF(names[i]));
}

/* The last part of its life, and a little before: all hosts at once would be a crowd. */
static int64_t renewal(const struct cert_facts *f, int64_t percent)
{
	int64_t life = f->not_after - f->not_before, left = life * percent / 100;

	return f->not_after - left - (int64_t)(rand_u64() % (uint64_t)MAX(left / 10, (int64_t)1));
}

bool order_have(int dir, const struct conf *c, const struct str *names, size_t n, struct acme_state *s)
{
	char joined[sizeof s->names];
	struct cert_facts f;
	struct buf pem;
	bool good;
	size_t i;

	buf_init(&pem, PEM_MAX);
	good = file_load(dir, "live.pem", &pem) == 0 && cert_facts(buf_view(&pem), &f) == 0 &&
		cert_fits_key(buf_view(&pem), buf_view(&pem)) && f.not_after > clock_unix();
	for (i = 0; i < n && good; i++)
		good = order_covers(buf_view(&pem), names[i]);
	buf_wipe(&pem);
	join(names, n, joined, sizeof joined);
	if (good && (s->not_after != f.not_after || strcmp(s->names, joined) != 0)) {
		s->not_after = f.not_after;
		s->renew_at = renewal(&f, c->acme_renew_at);
		memcpy(s->names, joined, sizeof joined);
	}
	if (!good)
		s->not_after = 0;
	return good;
}

/* --- answers where the authority looks ------------------------------------------------ */

static int ask_link(struct order *o, struct ipc_msg *m, int64_t ms, const char *fix)
{
	struct ipc_msg answer;
	int r = ipc_call(o->link, m, &answer, deadline_in(ms));

	if (r == 0 && !ipc_get_bool(&answer, "good"))
		r = E_DENIED;
	if (r < 0)
		problem_set(&o->acme.why, fix, "the answer to the challenge could not be published: %s", err_text(r));
	ipc_done(&answer);
	return r;
}

static int memory_file(const char *name, const struct buf *b)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && file_write_all(fd, b->p, b->n) < 0)
		fd_close(&fd);
	return fd;
}

static int publish_http(struct order *o, const struct authorization *z, const struct buf *key_auth)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "challenge");
	ipc_setc(&m, "kind", "http");
	ipc_setc(&m, "token", z->token);
	ipc_set(&m, "answer", buf_view(key_auth));
	r = ask_link(o, &m, PUBLISH_MS, "see the log of front; 'mansio cert renew' tries again");
	ipc_done(&m);
	return r;
}

static int publish_tls(struct order *o, const struct authorization *z, const struct buf *key_auth)
{
	const struct str name = str_of(z->name);
	unsigned char digest[CERT_DIGEST];
	struct buf key, cert;
	int fd[2] = { -1, -1 }, r;
	struct ipc_msg m;

	jws_sha256(buf_view(key_auth), digest);
	buf_init(&key, 4096);
	buf_init(&cert, 16384);
	r = cert_key_new(&key);
	if (r == 0)
		r = cert_self_signed(buf_view(&key), &name, 1, 7, digest, &cert);
	ipc_init(&m, "challenge");
	ipc_setc(&m, "kind", "tls");
	ipc_setc(&m, "name", z->name);
	if (r == 0) {
		ipc_add_fd(&m, "cert", fd[0] = memory_file("cert", &cert));
		ipc_add_fd(&m, "key", fd[1] = memory_file("key", &key));
		r = ask_link(o, &m, PUBLISH_MS, "see the log of front; 'mansio cert renew' tries again");
	}
	ipc_done(&m);
	fd_close(&fd[0]);
	fd_close(&fd[1]);
	buf_wipe(&key);
	buf_done(&cert);
	return r;
}

/* _acme-challenge.NAME, without the star of a wildcard (RFC 8555 8.4) */
static int run_hook(struct order *o, const char *what, const struct authorization *z, struct str value)
{
	struct ipc_msg m, answer;
	int r;

	ipc_init(&m, "hook");
	ipc_setc(&m, "what", what);
	ipc_setc(&m, "name", arena_fmt(&m.arena, "_acme-challenge.%s", z->name));
	ipc_set(&m, "value", value);
	r = ipc_call(o->hook, &m, &answer, deadline_in(o->acme.conf->acme_hook_time + PUBLISH_MS));
	if (r == 0 && !ipc_get_bool(&answer, "good"))
		r = E_DENIED;
	if (r < 0)
		problem_set(&o->acme.why, "run the hook by hand as user _acme, with the same arguments, and see what it says",
			"the hook %s %s for _acme-challenge.%.200s failed: %.300s", o->acme.conf->acme_hook.p, what, z->name,
			ipc_get(&answer, "words").n ? arena_cstr(&m.arena, ipc_get(&answer, "words")) : err_text(r));
	ipc_done(&answer);
	ipc_done(&m);
	return r;
}

static void dns_value(const struct buf *key_auth, struct buf *out)
{
	unsigned char digest[32];

	jws_sha256(buf_view(key_auth), digest);
	base64url_encode(str_make(digest, sizeof digest), out);
}

static int publish(struct order *o, struct authorization *z)
{
	struct buf key_auth, value;
	int r;

	buf_init(&key_auth, 512);
	buf_init(&value, 64);
	jws_key_authorization(o->acme.key, str_of(z->token), &key_auth);
	z->published = true; /* also after a failure: something may stand there */
	if (o->acme.conf->acme_challenge == CONF_ACME_HTTP) {
		r = publish_http(o, z, &key_auth);
	} else if (o->acme.conf->acme_challenge == CONF_ACME_TLS_ALPN) {
		r = publish_tls(o, z, &key_auth);
	} else {
		dns_value(&key_auth, &value);
		r = run_hook(o, "set", z, buf_view(&value));
	}
	buf_done(&key_auth);
	buf_done(&value);
	return r;
}

/* Whatever happened; what goes wrong here is no failure of the order. */
static void take_back(struct order *o, const struct authorization *z, size_t n)
{
	struct problem kept = o->acme.why;
	struct buf key_auth, value;
	struct ipc_msg m;
	size_t i;

	if (o->acme.conf->acme_challenge != CONF_ACME_DNS) {
		ipc_init(&m, "clear");
		ask_link(o, &m, PUBLISH_MS, "");
		ipc_done(&m);
	}
	for (i = 0; i < n && o->acme.conf->acme_challenge == CONF_ACME_DNS; i++) {
		if (!z[i].published)
			continue;
		buf_init(&key_auth, 512);
		buf_init(&value, 64);
		jws_key_authorization(o->acme.key, str_of(z[i].token), &key_auth);
		dns_value(&key_auth, &value);
		run_hook(o, "clear", &z[i], buf_view(&value));
		buf_done(&key_auth);
		buf_done(&value);
	}
	o->acme.why = kept;
}

/* --- authorizations ----------------------------------------------------------------------- */

static const char *challenge_type(const struct conf *c)
{
	return c->acme_challenge == CONF_ACME_HTTP ? "http-01" :
		c->acme_challenge == CONF_ACME_TLS_ALPN ? "tls-alpn-01" : "dns-01";
}

/* token = base64url (RFC 8555 8.3): it becomes part of a path, of an argument */
static bool good_token(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < sizeof ((struct authorization *)0)->token &&
		strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static bool ordered(const struct order *o, const char *name)
{
	size_t i;

	for (i = 0; i < o->nnames; i++) {
		struct str s = o->names[i];

		if (str_ieqc(str_starts(s, "*.") ? str_from(s, 2) : s, name))
			return true;
	}
	return false;
}

static int read_authorization(struct order *o, const json_t *doc, struct authorization *z)
{
	const json_t *list = json_object_get(doc, "challenges");
	const char *name = json_text(json_object_get(doc, "identifier"), "value"), *type = challenge_type(o->acme.conf);
	size_t i;

	if (!ordered(o, name)) {
		problem_set(&o->acme.why, "use another authority, and report this", "the authority wants proof for a name that was not ordered");
		return E_SYNTAX;
	}
	snprintf(z->name, sizeof z->name, "%s", name);
	z->open = strcmp(json_text(doc, "status"), "pending") == 0;
	if (strcmp(json_text(doc, "status"), "valid") == 0)
		return 0;
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);

		if (strcmp(json_text(c, "type"), type) != 0)
			continue;
		if (!z->open || !good_token(json_text(c, "token")) || !client_url(json_text(c, "url"), z->challenge))
			break;
		snprintf(z->token, sizeof z->token, "%s", json_text(c, "token"));
		return 0;
	}
	problem_set(&o->acme.why, "choose another [acme] challenge", "%.200s: the authority does not offer %s for it", name, type);
	return E_UNSUPPORTED;
}

static int read_all(struct order *o, const json_t *urls, struct authorization *z, size_t n)
{
	struct http_reply r;
	json_t *doc;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		const char *url = json_string_value(json_array_get(urls, i));

		if (!url || !client_url(url, z[i].url))
			return E_SYNTAX;
		err = client_post(&o->acme, "an authorization", z[i].url, STR(""), &doc, &r);
		if (err < 0)
			return err;
		http_reply_done(&r);
		err = read_authorization(o, doc, &z[i]);
		json_decref(doc);
		if (err < 0)
			return err;
	}
	return 0;
}

/* The failed challenge has the reason. */
static void explain(struct order *o, const json_t *doc, const char *name)
{
	const json_t *list = json_object_get(doc, "challenges"), *error = NULL;
	size_t i;

	for (i = 0; i < json_array_size(list) && !error; i++)
		error = json_object_get(json_array_get(list, i), "error");
	problem_of(error, 200, name, &o->acme.why);
}

/* "Look now", then wait for each. */
static int have_checked(struct order *o, struct authorization *z, size_t n)
{
	struct http_reply r;
	json_t *doc;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		if (!z[i].open)
			continue;
		err = client_post(&o->acme, z[i].name, z[i].challenge, STR("{}"), NULL, &r);
		if (err < 0)
			return err;
		http_reply_done(&r);
	}
	for (i = 0; i < n; i++) {
		if (!z[i].open)
			continue;
		err = client_poll(&o->acme, z[i].name, z[i].url, "pending", NULL, &doc);
		if (err < 0)
			return err;
		if (strcmp(json_text(doc, "status"), "valid") != 0) {
			explain(o, doc, z[i].name);
			err = E_DENIED;
		}
		json_decref(doc);
		if (err < 0)
			return err;
	}
	return 0;
}

static int authorize(struct order *o, const json_t *urls)
{
	size_t n = json_array_size(urls), i;
	struct authorization *z;
	int err;

	if (n == 0 || n > CONF_ACME_NAMES) {
		problem_set(&o->acme.why, "try another authority", "the authority's order makes no sense");
		return E_SYNTAX;
	}
	z = mem_alloc(n, sizeof *z);
	err = read_all(o, urls, z, n);
	for (i = 0; i < n && err == 0; i++)
		if (z[i].open)
			err = publish(o, &z[i]);
	if (err == 0 && o->acme.conf->acme_challenge == CONF_ACME_DNS)
		poll(NULL, 0, (int)o->acme.conf->acme_dns_wait);
	if (err == 0)
		err = have_checked(o, z, n);
	take_back(o, z, n);
	free(z);
	return err;
}

/* --- the certificate ------------------------------------------------------------------------ */

static int keep(struct order *o, const struct buf *key, const struct buf *chain)
{
	struct acme *a = &o->acme;
	struct buf both;
	size_t i;
	int err = 0;

	for (i = 0; i < o->nnames && err == 0; i++)
		if (!order_covers(buf_view(chain), o->names[i]))
			err = E_SYNTAX;
	if (err < 0 || !cert_fits_key(buf_view(chain), buf_view(key))) {
		problem_set(&a->why, "try another authority", "the certificate that came is not the one that was ordered");
		return E_SYNTAX;
	}
	buf_init(&both, PEM_MAX);
	buf_str(&both, buf_view(key));
	buf_str(&both, buf_view(chain));
	err = both.err ? both.err : file_replace(a->dir, "live.pem", buf_view(&both), 0600);
	buf_wipe(&both);
	if (err < 0)
		problem_set(&a->why, "see whether the disk is full", "the certificate could not be written: %s", err_text(err));
	else
		rekey_done(o);
	return err;
}

static int download(struct order *o, const json_t *doc, const struct buf *key)
{
	char url[ACME_URL];
	struct http_reply r;
	int err;

	if (!client_url(json_text(doc, "certificate"), url)) {
		problem_set(&o->acme.why, "nothing to do: the next try comes by itself", "the authority did not say where the certificate is");
		return E_SYNTAX;
	}
	err = client_post(&o->acme, "the certificate", url, STR(""), NULL, &r);
	if (err < 0)
		return err;
	err = keep(o, key, &r.body);
	http_reply_done(&r);
	return err;
}

static int ready(struct order *o, const char *url, const json_t *doc, const char *wanted)
{
	const char *status = json_text(doc, "status");

	(void)url;
	if (strcmp(status, wanted) == 0)
		return 0;
	problem_of(json_object_get(doc, "error"), 200, "the order", &o->acme.why);
	return E_DENIED;
}

static int finalize(struct order *o, const char *url, const char *finalize_url)
{
	struct buf key, der, payload;
	struct http_reply r;
	json_t *doc = NULL;
	int err;

	buf_init(&key, 4096);
	buf_init(&der, 65536);
	buf_init(&payload, 131072);
	err = rekey_choose(o, &key);
	if (err == 0)
		err = cert_request(buf_view(&key), o->names, o->nnames, &der);
	buf_puts(&payload, "{\"csr\":\"");
	base64url_encode(buf_view(&der), &payload);
	buf_puts(&payload, "\"}");
	if (err == 0)
		err = client_post(&o->acme, "the order", finalize_url, buf_view(&payload), NULL, &r);
	if (err == 0) {
		http_reply_done(&r);
		err = client_poll(&o->acme, "the order", url, "processing", "ready", &doc);
	}
	if (err == 0)
		err = ready(o, url, doc, "valid");
	if (err == 0)
		err = download(o, doc, &key);
	json_decref(doc);
	buf_wipe(&key);
	buf_done(&der);
	buf_done(&payload);
	return err;
}

/* --- the order --------------------------------------------------------------------------------- */

static int place(struct order *o, json_t **doc_out, char url[ACME_URL])
{
	json_t *list = json_array(), *payload;
	struct http_reply r;
	char *text;
	size_t i;
	int err;

	for (i = 0; i < o->nnames; i++)
		json_array_append_new(list, json_pack("{s:s, s:s%}", "type", "dns", "value", o->names[i].p, o->names[i].n));
	payload = json_pack("{s:o}", "identifiers", list);
	text = json_dumps(payload, JSON_COMPACT);
	json_decref(payload);
	err = text ? client_post(&o->acme, "the order", o->acme.new_order, str_of(text), doc_out, &r) : E_SYNTAX;
	free(text);
	if (err < 0)
		return err;
	if (!client_url(r.location, url)) {
		problem_set(&o->acme.why, "try another authority", "the authority did not say where the order is");
		json_decref(*doc_out);
		err = E_SYNTAX;
	}
	http_reply_done(&r);
	return err;
}

/* It counts before it is made. */
static int count(struct order *o)
{
	struct acme_state *s = o->acme.state;
	int64_t now = clock_unix();

	if ((int64_t)acme_state_orders(s, now) >= MIN(o->acme.conf->acme_orders_per_day, (int64_t)ACME_ORDERS)) {
		problem_set(&o->acme.why, "nothing to do: the next try comes by itself; [acme] orders_per_day is the limit",
			"%zu orders within 24 hours are as many as we may make", s->norders);
		o->acme.why.retry_after = MAX(s->order[0] + DAY - now, (int64_t)1);
		return E_LIMIT;
	}
	s->order[s->norders++] = now;
	return acme_state_save(o->acme.dir, s);
}

static int run(struct order *o, bool *unknown_out)
{
	char url[ACME_URL], finalize_url[ACME_URL];
	struct acme *a = &o->acme;
	json_t *doc = NULL;
	int err = client_account(a);

	if (err == 0)
		err = count(o);
	if (err == 0)
		err = place(o, &doc, url);
	*unknown_out = err < 0 && strcmp(a->why.type, "accountDoesNotExist") == 0;
	if (err < 0)
		return err;
	if (!client_url(json_text(doc, "finalize"), finalize_url)) {
		problem_set(&a->why, "try another authority", "the authority's order makes no sense");
		json_decref(doc);
		return E_SYNTAX;
	}
	err = authorize(o, json_object_get(doc, "authorizations"));
	json_decref(doc);
	doc = NULL;
	if (err == 0)
		err = client_poll(a, "the order", url, "pending", NULL, &doc);
	if (err == 0)
		err = ready(o, url, doc, "ready");
	json_decref(doc);
	return err < 0 ? err : finalize(o, url, finalize_url);
}

/* When the authority would like it to be renewed, if it says so. */
static void ask_renewal(struct order *o)
{
	struct acme *a = &o->acme;
	struct cert_facts f;
	struct buf pem;
	int64_t at;

	a->state->ari[0] = '\0';
	buf_init(&pem, PEM_MAX);
	if (a->renewal_info[0] && file_load(a->dir, "live.pem", &pem) == 0 && cert_facts(buf_view(&pem), &f) == 0 && f.ari[0] &&
		snprintf(a->state->ari, sizeof a->state->ari, "%.800s/%s", a->renewal_info, f.ari) > 0) {
		at = client_renew_at(a, a->state->ari);
		if (at > 0)
			a->state->renew_at = MIN(at, f.not_after);
	}
	buf_wipe(&pem);
}

int order_run(struct order *o)
{
	bool unknown = false;
	int err = client_directory(&o->acme);

	if (err == 0)
		err = run(o, &unknown);
	if (unknown) { /* the authority lost it: a new one, once */
		o->acme.state->account[0] = o->acme.state->directory[0] = '\0';
		err = run(o, &unknown);
	}
	if (err == 0 && order_have(o->acme.dir, o->acme.conf, o->names, o->nnames, o->acme.state))
		ask_renewal(o);
	return err;
}
