/* SPDX-License-Identifier: ISC
 *
 * rules.h: the tables of access and of rewriting: which row counts for an address.
 *
 * Both are rows KIND WHO WHAT. Of an address the most exact row counts: "a@b.example",
 * "@b.example", "@.example" (what is below it, the nearest first), "*"; the null sender is
 * "<>". Of a client first its certificate ("sha256:..."), then its public key, then the
 * smallest network. An address with a detail (user+detail) is also looked for without it, for
 * access alone.
 *
 * Rows are made by the verbs, in the directory, or stand in a file (rulefile.h). Where they
 * stand does not matter to what counts; of two with the same KIND and WHO that of the verbs does.
 *
 * Access: of the client's, the sender's and the recipient's row the first there is decides, in
 * this order: `allow` of a client ends the look at the sender, and so on.
 */
#ifndef MANSIO_AUTH_RULES_H
#define MANSIO_AUTH_RULES_H

#include "auth/resolve.h"
#include "net/addr.h"

#define RULE_CLIENT "client"
#define RULE_SENDER "sender"
#define RULE_RECIPIENT "recipient"
#define RULE_REWRITE_SENDER "rewrite sender"
#define RULE_REWRITE_RECIPIENT "rewrite recipient"
#define RULE_FINGERPRINT "sha256:" /* before the 64 digits */
#define RULE_TEXT_MAX 200
/* A network that may relay is no larger: nobody opens the relay by a slip of the hand. */
#define RULE_RELAY_BITS_4 8
#define RULE_RELAY_BITS_6 16

/* 0, E_NOTFOUND: no row (also for what is no address), or negative. */
int rule_for_address(const struct resolver *r, const char *kind, struct str address, struct arena *a,
	struct directory_rule *out);
/* client: fingerprints of its certificate and public key, if it showed one, and its IP address, if
 * known, in that order, with spaces between. */
int rule_for_client(const struct resolver *r, struct str client, struct arena *a, struct directory_rule *out);
/* Which kinds there is any rule of: one question, after which most of the others need not be asked. 0 or negative. */
enum { RULES_CLIENT = 1, RULES_SENDER = 2, RULES_RECIPIENT = 4, RULES_REWRITE_SENDER = 8, RULES_REWRITE_RECIPIENT = 16 };
int rule_kinds(const struct resolver *r, unsigned *out);
/* The address that stands in its place, in normal form; E_NOTFOUND: it stays. */
int rule_rewrite(const struct resolver *r, const char *kind, struct str address, struct arena *a,
	struct str *out);

/* From text to a row's form, checked; why (for people) on E_SYNTAX. */
int rule_who(const char *kind, struct str given, struct arena *a, struct str *out, const char **why);
int rule_action(const char *kind, struct str who, struct str given, struct str *out, const char **why);
int rule_text(struct str given, const char **why); /* what is said to a client, a comment */
int rule_target(struct str who, struct str given, struct arena *a, struct str *out, const char **why);

#endif
