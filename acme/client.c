/* SPDX-License-Identifier: ISC
 *
 * client.c: directory, nonces, account, signed requests (see client.h).
 */
#include "acme/client.h"

#include <poll.h>
#include <time.h>

#include "base/codec.h"
#include "base/rand.h"

#define NONCES 12 /* tries of one request */
#define POLL_LEAST_MS 250
#define POLL_MOST_MS 10000
#define WAIT_MOST_MS 60000 /* of a server that asks for patience within an order */
#define DAY 86400

static const char *const again = "nothing to do: the next try comes by itself; if it stays so, check [acme] directory and the way out to the Internet";

const char *json_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

bool client_url(const char *s, char out[ACME_URL])
{
	if (strncmp(s, "https://", 8) != 0 || strlen(s) >= ACME_URL || str_has_ctl(str_of(s)))
		return false;
	snprintf(out, ACME_URL, "%s", s);
	return true;
}

static json_t *parse(const struct http_reply *r)
{
	json_t *o = json_loadb(r->body.p ? r->body.p : "", r->body.n, JSON_REJECT_DUPLICATES, NULL);

	if (o && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static int no_reply(struct acme *a, const char *what, const struct http_reply *r)
{
	problem_set(&a->why, again, "%.200s: no answer from the authority: %.300s", what, r->error);
	return E_TEMP;
}

/* --- directory, nonce ------------------------------------------------------ */

int client_directory(struct acme *a)
{
	struct http_reply r;
	json_t *o = NULL;
	int err = 0;

	if (http_ask(a->http, "GET", a->conf->acme_directory.p, STR_NONE, &r) < 0) {
		err = no_reply(a, "the directory", &r);
	} else {
		o = parse(&r);
		if (r.status != 200 || !client_url(json_text(o, "newNonce"), a->new_nonce) ||
			!client_url(json_text(o, "newAccount"), a->new_account) ||
			!client_url(json_text(o, "newOrder"), a->new_order)) {
			problem_set(&a->why, "check [acme] directory: it must be the URL of an ACME directory",
				"what %.300s answers (HTTP %ld) is no ACME directory", a->conf->acme_directory.p, r.status);
			err = E_SYNTAX;
		}
		client_url(json_text(o, "renewalInfo"), a->renewal_info); /* not every authority has it */
	}
	json_decref(o);
	http_reply_done(&r);
	return err;
}

static int fresh_nonce(struct acme *a)
{
	struct http_reply r;
	int err = http_ask(a->http, "HEAD", a->new_nonce, STR_NONE, &r);

	if (err < 0)
		no_reply(a, "a nonce", &r);
	else if (!r.nonce[0]) {
		problem_set(&a->why, again, "the authority gave no nonce (HTTP %ld)", r.status);
		err = E_TEMP;
	}
	snprintf(a->nonce, sizeof a->nonce, "%s", r.nonce);
	http_reply_done(&r);
	return err;
}

/* --- signed requests ---------------------------------------------------------- */

/* {"alg","jwk" or "kid","nonce","url"}: strings of the server go through jansson. */
static char *protected_header(const struct acme *a, const char *url)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "alg", "ES256", "nonce", a->nonce, "url", url);
	struct buf jwk;
	char *text;

	if (a->state->account[0]) {
		json_object_set_new(o, "kid", json_string(a->state->account));
	} else {
		buf_init(&jwk, 512);
		jws_jwk(a->key, &jwk);
		json_object_set_new(o, "jwk", json_loadb(jwk.p, jwk.n, 0, NULL));
		buf_done(&jwk);
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static int post_once(struct acme *a, const char *what, const char *url, struct str payload, struct http_reply *r)
{
	struct buf body;
	char *head;
	int err;

	if (!a->nonce[0] && (err = fresh_nonce(a)) < 0)
		return err;
	head = protected_header(a, url);
	a->nonce[0] = '\0'; /* good for one request */
	if (!head)
		return E_SYNTAX;
	buf_init(&body, 1 << 20);
	err = jws_sign(a->key, str_of(head), payload, &body);
	free(head);
	if (err == 0) {
		err = http_ask(a->http, "POST", url, buf_view(&body), r);
		if (err < 0) {
			no_reply(a, what, r);
			http_reply_done(r);
		}
		snprintf(a->nonce, sizeof a->nonce, "%s", r->nonce);
	}
	buf_done(&body);
	return err;
}

int client_post(struct acme *a, const char *what, const char *url, struct str payload, json_t **out,
	struct http_reply *r)
{
	json_t *o;
	int i, err;

	for (i = 0;; i++) {
		if (deadline_passed(a->end)) {
			problem_set(&a->why, again, "%.200s: the order took too long", what);
			return E_TIMEOUT;
		}
		err = post_once(a, what, url, payload, r);
		if (err < 0)
			return err;
		o = parse(r);
		if (r->status < 400)
			break;
		problem_of(o, r->status, what, &a->why);
		a->why.retry_after = problem_retry_after(r->retry_after, clock_unix());
		json_decref(o);
		http_reply_done(r);
		if (strcmp(a->why.type, "badNonce") != 0 || i >= NONCES)
			return E_DENIED;
	}
	if (out && !o) {
		problem_set(&a->why, again, "%.200s: the authority's answer makes no sense (HTTP %ld)", what, r->status);
		http_reply_done(r);
		return E_SYNTAX;
	}
	if (out)
		*out = o;
	else
		json_decref(o);
	return 0;
}

/* What it asks for, else ever longer waits of our own. */
static int64_t pause_ms(const struct http_reply *r, int turn)
{
	int64_t asked = problem_retry_after(r->retry_after, clock_unix()) * 1000;
	int64_t own = (int64_t)POLL_LEAST_MS << MIN(turn, 6);

	return asked > 0 ? MIN(asked, (int64_t)WAIT_MOST_MS) : MIN(own, (int64_t)POLL_MOST_MS);
}

int client_poll(struct acme *a, const char *what, const char *url, const char *a1, const char *b1, json_t **out)
{
	struct http_reply r;
	const char *status;
	int64_t ms;
	json_t *o;
	int i, err;

	for (i = 0;; i++) {
		err = client_post(a, what, url, STR(""), &o, &r);
		if (err < 0)
			return err;
		status = json_text(o, "status");
		if (strcmp(status, a1) != 0 && (!b1 || strcmp(status, b1) != 0))
			break;
		ms = pause_ms(&r, i);
		http_reply_done(&r);
		json_decref(o);
		if (deadline_left(a->end) >= 0 && ms > deadline_left(a->end)) {
			problem_set(&a->why, again, "%.200s: the authority was not done in time", what);
			return E_TIMEOUT;
		}
		poll(NULL, 0, (int)ms);
	}
	http_reply_done(&r);
	*out = o;
	return 0;
}

/* --- account (RFC 8555 7.3) ------------------------------------------------------- */

/* externalAccountBinding: our key, signed by the key that the authority gave out (7.3.4). */
static json_t *binding(struct acme *a)
{
	json_t *head = json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", a->conf->acme_eab_kid.p, "url", a->new_account);
	char *text = json_dumps(head, JSON_COMPACT);
	struct buf secret, jwk, signedtext;
	json_t *o = NULL;

	json_decref(head);
	buf_init(&secret, 1024);
	buf_init(&jwk, 512);
	buf_init(&signedtext, 8192);
	jws_jwk(a->key, &jwk);
	if (text && base64url_decode(a->eab_key, &secret) == 0 &&
		jws_mac(buf_view(&secret), str_of(text), buf_view(&jwk), &signedtext) == 0)
		o = json_loadb(signedtext.p, signedtext.n, 0, NULL);
	buf_wipe(&secret);
	buf_done(&jwk);
	buf_done(&signedtext);
	free(text);
	return o;
}

static json_t *contact(const struct acme *a)
{
	json_t *list = json_array();
	char mail[300];

	snprintf(mail, sizeof mail, "mailto:%.*s", STRF(a->conf->acme_email));
	if (a->conf->acme_email.n)
		json_array_append_new(list, json_string(mail));
	return list;
}

static int post_account(struct acme *a, const char *url, json_t *payload, struct http_reply *r)
{
	char *text = json_dumps(payload, JSON_COMPACT);
	int err = text ? client_post(a, "the account", url, str_of(text), NULL, r) : E_SYNTAX;

	free(text);
	json_decref(payload);
	return err;
}

static int new_account(struct acme *a)
{
	json_t *payload = json_pack("{s:b, s:o}", "termsOfServiceAgreed", 1, "contact", contact(a));
	struct http_reply r;
	json_t *eab;
	int err;

	a->state->account[0] = '\0';
	if (a->conf->acme_eab_kid.n) {
		eab = binding(a);
		if (!eab) {
			json_decref(payload);
			problem_set(&a->why, "the file of [acme] eab_key_file must hold the key in base64url, as the authority shows it",
				"the key for external account binding cannot be used");
			return E_SYNTAX;
		}
		json_object_set_new(payload, "externalAccountBinding", eab);
	}
	err = post_account(a, a->new_account, payload, &r);
	if (err < 0)
		return err;
	if (!client_url(r.location, a->state->account)) {
		problem_set(&a->why, again, "the authority did not say where our account is");
		err = E_SYNTAX;
	}
	http_reply_done(&r);
	return err;
}

int client_account(struct acme *a)
{
	struct acme_state *s = a->state;
	struct http_reply r;
	int err;

	if (strcmp(s->directory, a->conf->acme_directory.p) != 0)
		s->account[0] = '\0';
	if (s->account[0] && str_eqc(a->conf->acme_email, s->email))
		return 0;
	if (s->account[0]) {
		err = post_account(a, s->account, json_pack("{s:o}", "contact", contact(a)), &r);
		if (err == 0)
			http_reply_done(&r);
	} else {
		err = new_account(a);
	}
	if (err < 0)
		return err;
	snprintf(s->directory, sizeof s->directory, "%s", a->conf->acme_directory.p);
	snprintf(s->email, sizeof s->email, "%.*s", STRF(a->conf->acme_email));
	return acme_state_save(a->dir, s);
}

/* --- when to renew (RFC 9773 4.2) ---------------------------------------------------- */

/* RFC 3339, in UTC or with an offset; 0: not a time. */
static int64_t moment(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int h = 0, min = 0;
	char sign = '+';

	if (!end)
		return 0;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (*end != 'Z' && sscanf(end, "%c%2d:%2d", &sign, &h, &min) != 3)
		return 0;
	return (int64_t)timegm(&tm) - (sign == '-' ? -1 : 1) * (h * 3600 + min * 60);
}

int64_t client_renew_at(struct acme *a, const char *url)
{
	int64_t from, to, at = 0;
	struct http_reply r;
	json_t *o, *window;

	if (http_ask(a->http, "GET", url, STR_NONE, &r) == 0 && r.status == 200) {
		o = parse(&r);
		window = json_object_get(o, "suggestedWindow");
		from = moment(json_text(window, "start"));
		to = moment(json_text(window, "end"));
		if (from > 0 && to > from && to - from < 366 * DAY)
			at = from + (int64_t)(rand_u64() % (uint64_t)(to - from));
		json_decref(o);
	}
	http_reply_done(&r);
	return at;
}
