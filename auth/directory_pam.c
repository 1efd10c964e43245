/* SPDX-License-Identifier: ISC
 *
 * directory_pam.c: the users of this system (getpwnam, PAM) as accounts.
 *
 * A user NAME is the account NAME@D, D being the first of [pam] domains; in the others NAME is an alias of it, so that
 * a person has one mailbox. Nothing is asked here: this is a worker of authd, and a desk of pamd at the other end of
 * its link says who exists and whether a password is right (system_user.h).
 *
 * The key of an account is its name: a number of a user who left is given to the next one, and would give
 * him that one's mail. A name that is given again leads to the mail of before; docs/AUTH.md says so.
 *
 * Lists: none. The stack lists those that were seen (directory_list.c).
 */
#include "auth/directory_pam.h"

#include "auth/system_user.h"
#include "auth/trouble.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/ipc.h"

struct pam_directory {
	struct directory d;
	const struct conf *conf;
	struct str domain; /* of the accounts */
	int link; /* to a desk of pamd; -1: none */
};

static struct pam_directory *own(struct directory *d)
{
	return (struct pam_directory *)d;
}

/* Asks the desk; 0, E_NOTFOUND, E_DENIED, or E_TEMP for all that is no clear answer. ipc_done the answer in any case. */
static int ask(struct pam_directory *o, struct ipc_msg *question, struct ipc_msg *answer)
{
	struct str result, why;
	int r;

	*answer = (struct ipc_msg){ 0 };
	if (o->link < 0)
		return E_TEMP;
	r = ipc_call(o->link, question, answer, deadline_in(o->conf->pam_timeout + SYSTEM_USER_SLACK_MS));
	if (r < 0) {
		/* pamd is gone: authd sends another link when the next one is there */
		if (r != E_TIMEOUT && r != -EINTR)
			fd_close(&o->link);
		return E_TEMP;
	}
	why = ipc_get(answer, "why");
	if (why.n > 0)
		trouble_tell("pam: %.*s", STRF(why));
	result = ipc_get(answer, "result");
	return str_eqc(result, "ok") ? 0 : str_eqc(result, "unknown") ? E_NOTFOUND : str_eqc(result, "denied") ? E_DENIED : E_TEMP;
}

/* Is there such a user? words_out: his name for people. */
static int user(struct pam_directory *o, struct str name, struct arena *a, struct str *words_out)
{
	struct ipc_msg q, answer;
	int r;

	if (!system_user_name(name))
		return E_NOTFOUND;
	ipc_init(&q, "user");
	ipc_set(&q, "name", name);
	r = ask(o, &q, &answer);
	if (r == 0)
		*words_out = arena_str(a, ipc_get(&answer, "words"));
	ipc_done(&answer);
	ipc_done(&q);
	return r == E_DENIED ? E_TEMP : r;
}

static int get_account(struct directory *d, struct str local, struct str domain, struct arena *a, struct directory_account *out)
{
	struct pam_directory *o = own(d);
	struct str words;
	int r;

	if (!str_eq(domain, o->domain))
		return E_NOTFOUND;
	r = user(o, local, a, &words);
	if (r < 0)
		return r;
	*out = (struct directory_account){ .local = arena_str(a, local), .domain = o->domain, .key = arena_str(a, local), .name = words,
		.hash = STR(""), .scram = STR(""), .roles = STR(""), .forward = STR(""), .active = true, .domain_active = true,
		.forward_keep = true };
	return 0;
}

static int get_alias(struct directory *d, struct str address, struct arena *a, struct directory_alias *out)
{
	struct pam_directory *o = own(d);
	ssize_t at = str_rfind(address, '@');
	struct str name, words;
	int r;

	if (at < 0 || str_eq(str_from(address, (size_t)at + 1), o->domain))
		return E_NOTFOUND; /* it is the account itself */
	name = str_sub(address, 0, (size_t)at);
	r = user(o, name, a, &words);
	if (r < 0)
		return r;
	out->address = address;
	out->targets = str_of(arena_fmt(a, "%.*s@%.*s\n", STRF(name), STRF(o->domain)));
	return 0;
}

static int check(struct directory *d, const struct directory_account *v, struct str password)
{
	struct ipc_msg q, answer;
	int r;

	ipc_init(&q, "check");
	if (v->id)
		ipc_set(&q, "name", v->local);
	ipc_set(&q, "password", password);
	r = ask(own(d), &q, &answer);
	ipc_done(&answer);
	ipc_done(&q);
	return r == E_NOTFOUND ? E_DENIED : r;
}

static void peer(struct directory *d, int fd)
{
	fd_close(&own(d)->link);
	own(d)->link = fd;
}

static void pam_close(struct directory *d)
{
	fd_close(&own(d)->link);
	free(d->domains);
	free(d);
}

static const struct directory_ops ops = {
	.close = pam_close,
	.account = get_account,
	.alias = get_alias,
	.check = check,
	.peer = peer,
};

int directory_pam_open(const struct conf *conf, struct directory **out)
{
	struct pam_directory *o;

	if (conf->pam_domains.n == 0)
		return E_UNSUPPORTED;
	o = mem_alloc(1, sizeof(*o));
	o->d.ops = &ops;
	o->d.name = "pam";
	o->d.domains = directory_domains(&conf->pam_domains);
	o->conf = conf;
	o->domain = conf->pam_domains.v[0];
	o->link = -1;
	*out = &o->d;
	return 0;
}
