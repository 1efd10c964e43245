/* SPDX-License-Identifier: ISC
 *
 * setup.h: private to `mansio setup`: from an installed suite to one that serves
 * a domain, in steps of which each looks first whether it has been done. So it can
 * be stopped anywhere and run again, and it never overwrites what somebody else wrote.
 *
 *   setup.c          the steps in their order
 *   setup_answers.c  three questions, the file of answers, what is remembered
 *   setup_files.c    the settings
 *   setup_suite.c    ports, users, start
 *   setup_people.c   domain, administrator, aliases
 *   setup_card.c     what is left to do: DNS records, link, fingerprint, ssh, the old server
 *
 * Remembered in STATE/setup (0600), lines KEY = VALUE: the answers, and as SECTION.KEY each
 * setting that was written, so that only our own values are ever changed.
 */
#ifndef MANSIO_MASTER_SETUP_H
#define MANSIO_MASTER_SETUP_H

#include "master/client.h"
#include "master/where.h"

#define PAIRS_MAX 200

struct pairs {
	struct {
		struct str name, value;
	} v[PAIRS_MAX];
	size_t n;
};

struct setup {
	struct arena a;
	const char *config, *state; /* absolute */
	bool yes, run; /* --yes, --run */
	bool state_given; /* by --state or the environment, not by the settings */
	struct pairs answers, memory; /* of the file, of STATE/setup */
	struct str address, domain, hostname;
	bool elsewhere; /* mail for the domain runs on another host today */
	struct answer checks; /* of host check */
	bool changed; /* the settings, since the suite read them */
	const char *link; /* one-time, or NULL */
	uint64_t link_expires;
};

/* One sentence about what is wrong and one about what to do, on standard error. Returns code. */
int setup_fail(int code, const char *what, const char *fix);
struct str pairs_get(const struct pairs *p, const char *name);
void pairs_set(struct setup *s, struct pairs *p, struct str name, struct str value);

/* setup_answers.c; a sysexits code */
int answers_load(struct setup *s, const char *path);
int memory_load(struct setup *s);
int memory_save(struct setup *s);
int ask_address(struct setup *s);
int ask_hostname(struct setup *s);
int ask_elsewhere(struct setup *s);

/* setup_files.c */
int settings_write(struct setup *s);
/* One setting, unless the file sets it to something that is not ours. */
int settings_want(struct setup *s, const char *full, struct str value);
/* Its value in force, as text in the arena; "" if there is no such setting. */
const char *settings_value(struct setup *s, const char *full);

/* setup_suite.c */
bool suite_runs(struct setup *s);
int suite_start(struct setup *s);
int suite_reload(struct setup *s);
/* A verb of the running suite with pairs of name and value, ended by NULL. False: this build has
 * no such verb. answer_done in any case. */
bool suite_ask(struct setup *s, struct answer *out, const char *verb, ...);

/* setup_people.c */
int people_make(struct setup *s);

/* setup_card.c */
void card_checks(struct setup *s);
void card_print(struct setup *s);

/* `mansio setup`; a sysexits code */
int setup(const struct where *w, const char *answers, bool yes, bool run);

#endif
