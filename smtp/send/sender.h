/* SPDX-License-Identifier: ISC
 *
 * sender.h: private to the program sender: jobs, destinations, hosts, sessions.
 *
 *   sender.c    the process: links, settings, stop
 *   results.c   what queued is told: results, places
 *   options.c   settings as each kind of session sees them
 *   route.c     which way a job goes: our own lmtpd, the smarthost, or by MX
 *   way.c       what the table of routes says of a job
 *   dest.c      a destination: jobs that wait, the hosts that take its mail, in which order
 *   find.c      ... which those are: MX records, policies
 *   source.c    by which of our addresses, and how much a new one may send
 *   change.c    mail goes another way, or is to be tried now whatever is known
 *   pace.c      limits of hosts, providers, destinations (limit.h)
 *   host.c      a server: its life, the line of destinations with mail for it
 *   reach.c     ... its addresses, and how safe a connection to it must be
 *   serve.c     ... its sessions, and who of its destinations is next
 *   probe*.c    a way tried without a message (mansio test delivery)
 *   results.c, taken.c, rescue.c: what is known when this process or queued was killed
 *   lookup.c    questions to resolverd and policyd, by the thousand
 *   session.c   one connection: its socket, TLS, deadlines; the dialogue is client.h
 *   tlsrpt.c    how the TLS of sessions went, for policyd
 *   dial.c      connecting: the addresses of a host, one after the other, or side by side
 *
 * Always true:
 *   1. A job is in exactly one place: waiting for its signature (sign.h), at its destination, in a session's client, or freed.
 *   2. Sessions only note what happened, and wake their host; jobs are given and taken, and
 *      sessions freed, there (host_work), never in the middle of a session's step.
 *   3. A credit is given back to queued for each job that it gave (docs/QUEUE.md).
 *   4. A destination stands in the line of one host at most, and only while jobs wait.
 */
#ifndef MANSIO_SMTP_SEND_SENDER_H
#define MANSIO_SMTP_SEND_SENDER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include "base/table.h"
#include "conf/program.h"
#include "net/resolver.h"
#include "smtp/send/client.h"
#include "smtp/send/security.h"
#include "smtp/send/limit.h"
#include "smtp/send/sign.h"
#include "smtp/send/taken.h"
#include "smtp/send/way.h"

struct ask;
struct probe;
struct sender;
struct host;
struct dest;
struct session;

/* --- lookup.c: one question under way, part of who asks */

enum lookup_kind { LOOKUP_RECORDS, LOOKUP_ADDRESSES, LOOKUP_POLICY };
enum lookup_to { LOOKUP_RESOLVER, LOOKUP_POLICYD, LOOKUP_LINKS };

struct lookup {
	TAILQ_ENTRY(lookup) link;
	uint64_t id; /* 0: nothing is asked */
	enum lookup_kind kind;
	enum lookup_to to;
	bool sent;
	bool fresh; /* the resolver's cache does not count; until it is answered */
	enum dns_type type; /* of RECORDS */
	char name[256];
	deadline until; /* from when it was sent */
	/* The one that fits the kind, once; what comes is valid during the call. m NULL: nobody answered. */
	void (*answered)(struct lookup *l, const struct dns_answer *x);
	void (*addresses)(struct lookup *l, const struct resolver_addresses *a);
	void (*told)(struct lookup *l, const struct ipc_msg *m);
};
TAILQ_HEAD(lookup_list, lookup);

struct lookup_link {
	struct sender *sender;
	int fd; /* negative: none now */
	struct event ev, ev_out;
	struct lookup_list asked, unasked;
	size_t nasked;
};

/* --- dial.c: connections to the addresses of a host, until one stands */

#define DIALS 3 /* at once */

struct dial {
	struct session *session;
	int fd; /* negative: free */
	struct addr source; /* family 0: as the system chose */
	size_t at;
	deadline until;
	struct event ev;
};

struct session {
	struct session *next;
	struct host *host;
	struct dest *dest; /* of the job in hand */
	struct client client;
	int fd;
	bool tls_wants_write;
	bool dry; /* the socket had no more bytes: not read again before it says so */
	uint64_t kept; /* rescue.c: under this key, 0: it is not */
	int awaits; /* the note of the message that awaits its answer, negative: none */
	bool tls_failed, clear; /* opportunistic: the next try goes without */
	bool ready_told; /* the log knows that it works */
	uint64_t told[8]; /* destinations that policyd knows this session of */
	size_t ntold;
	struct tls *tls;
	struct event ev, ev_timer;
	short ev_what;
	uint64_t seen; /* client.progress when the deadline was set */
	deadline until;
	struct addr addr[RESOLVER_ADDRESSES]; /* of the host */
	size_t naddrs, at; /* at: the one that is connected */
	struct addr source; /* of ours; family 0: as the system chose */
	bool tried[RESOLVER_ADDRESSES];
	struct dial dial[DIALS];
	deadline fallback; /* the next address is tried then */
	char failures[200]; /* what the addresses said until now */
};

/* --- host.c */

enum host_kind { HOST_LMTP, HOST_SMARTHOST, HOST_MX };

struct host {
	TAILQ_ENTRY(host) link, work, starved;
	bool works, starves; /* is in that list */
	struct sender *sender;
	enum host_kind kind;
	char *key; /* in the table of hosts; NULL: one of the two fixed ones */
	struct way *way; /* the route that leads here, a reference; NULL: none */
	unsigned refs; /* lists of destinations that it stands in */
	struct client_options *opt; /* NULL: there is no such server */
	size_t max, nsessions;
	struct session *sessions;
	TAILQ_HEAD(dest_list, dest) dests; /* with jobs for it, in turn */
	struct lookup lookup;
	struct addr addr[RESOLVER_ADDRESSES];
	size_t naddrs;
	struct lookup tlsa;
	char *alias; /* where the host's own name leads to; NULL: nowhere else */
	enum { REACH_OWN, REACH_ALIAS, REACH_PROOF } asked; /* what tlsa asks for */
	struct arena a, records; /* of the facts; of the answer */
	struct security_facts facts; /* what is known of it and the destinations that lead to it; by MX only */
	struct dns_answer tlsa_answer;
	bool decided;
	struct security sec;
	struct probe *probe; /* it is a test's alone: in no table, no mail goes there */
	bool ours; /* it is this server */
	deadline addrs_until;
	deadline hold; /* no new session before, after one failed beside others that work */
	deadline down; /* nobody was reached there: not tried before */
	deadline pace; /* held up by limits: looks again then */
	struct dsn down_why;
	bool login_told; /* the admin knows that the login fails */
	char failure[120]; /* why the last session failed; empty since one worked */
};

/* --- dest.c */

struct mx {
	struct host *host; /* a reference */
	uint16_t preference;
};

/* What the messages that wait there say of TLS themselves (RFC 8689): nothing; REQUIRETLS; the field "TLS-Required: No", which
 * asks that what the other side publishes (DANE, MTA-STS) is left aside. */
enum dest_tls { DEST_TLS_USUAL, DEST_TLS_REQUIRED, DEST_TLS_OPTIONAL };

struct dest {
	TAILQ_ENTRY(dest) turn; /* in the host's line */
	struct sender *sender;
	char *name; /* domain or literal; of the fixed ones NULL */
	struct dest *alike; /* the next one of this name: with another route, or wish for TLS */
	char *key; /* in the table of destinations: its name, its route, and what its messages say of TLS */
	struct way *way; /* a reference; NULL: no route */
	enum dest_tls tls;
	struct probe *probe; /* it is a test's alone: in no table, no mail waits there */
	struct mx *mx; /* the best first */
	size_t nmx, at;
	bool known, attached, secure; /* secure: the MX records are proven by DNSSEC */
	deadline known_until, used_until;
	struct lookup lookup, policy;
	struct arena a; /* of sts_mx */
	bool sts_found;
	enum sts_mode sts_mode;
	struct str *sts_mx;
	size_t sts_n;
	struct job *waiting, **last;
	size_t nwaiting, active; /* active: jobs in sessions */
	struct dsn why; /* gathers why the hosts tried so far did not do */
	bool tried; /* ... and some of them were tried now, not known to be out of reach */
	deadline down; /* none of them did: not tried before, with that reason */
	struct dsn down_why;
	deadline look_at; /* down: DNS is looked at again then */
	bool looks; /* ... which it is, while no mail waits for it */
	bool told_down; /* queued thinks so */
	unsigned told_limit; /* of jobs, that queued knows; 0: none */
};

struct result {
	struct result *next;
	struct ipc_msg m;
};

struct sender {
	struct program program;
	struct event_base *base;
	const struct conf *conf;
	int queued, lmtpd;
	struct event ev_control, ev_queued, ev_queued_out, ev_work, ev_tick, ev_stop;
	struct host local_host, smarthost_host;
	struct dest local, smarthost;
	struct table dests, names, hosts; /* by key; the first of each name; by key */
	TAILQ_HEAD(host_list, host) work, starved;
	struct tls_trust *trust; /* for servers by MX */
	TAILQ_HEAD(probe_list, probe) probes;
	size_t nprobes;
	size_t nsessions; /* of hosts by MX */
	struct limits limits;
	struct table warm; /* source.c */
	int64_t warm_day;
	enum { ROUTES_UNKNOWN, ROUTES_NONE, ROUTES_ANY } routes; /* as queued was told */
	deadline way_until; /* a change of the way that is told a new queued too */
	struct signing *signing; /* jobs that wait for their signature */
	struct taken *taken; /* what was taken lately, over our death */
	struct rescue *rescue; /* connections of a sender that was killed, and ours for the next */
	LIST_HEAD(orphans, job) orphans; /* on their way when their queued died */
	size_t in_hand[2], granted[2]; /* jobs, and places that queued knows of: outside, here */
	struct table questions; /* by id */
	struct lookup_link link[LOOKUP_LINKS];
	int authd; /* way.c */
	struct event ev_authd;
	struct table ways, way_ids;
	TAILQ_HEAD(ask_list, ask) asks;
	size_t nways_asked;
	uint64_t last_ask;
	uint64_t last_question;
	struct result *results, **last_result; /* not yet sent */
	bool stopping, working;
	char told[160]; /* the last status */
	char scratch[64 * 1024]; /* one read, on its way to a client */
};

/* sender.c */
void sender_wake(struct sender *s); /* the work event, soon */
void sender_queued_lost(struct sender *s);

/* Tells queued how it stands with a destination (docs/QUEUE.md), of those alone that have no route and nothing said of TLS:
 * queued knows them by name. */
void sender_tell_down(struct sender *s, struct dest *d, const struct dsn *why, int64_t ms); /* nobody to be reached for so long */
void sender_tell_limit(struct sender *s, struct dest *d, unsigned jobs); /* at most so many at once; 0: as usual */

/* Mail to these ("*": all) goes another way: what waits is to be tried. */
void sender_tell_way(struct sender *s, struct str pattern);

/* Tells queued whether there are routes: without any, mail of several domains may go to the smarthost in one job. */
void sender_tell_routes(struct sender *s, bool any);

/* Asks queued whether mail to this address from this sender is stopped (`suppressed`): probe_suppressed hears of it. False:
 * there is no queued now. */
bool sender_ask_suppressed(struct sender *s, uint64_t id, struct str address, struct str from);

/* results.c */
void sender_done(struct sender *s, struct job *j); /* all results are there: tells, frees */
void sender_tell(struct sender *s, struct job *j); /* some are there: a crash shall not double them */
void sender_drop(struct sender *s, struct job *j); /* frees it untold */
/* A new job: what is known of its recipients since an attempt of before is told again, not tried again; those
 * that are still on their way are left alone. True: nothing remains to be tried, the job is gone. */
bool results_known(struct sender *s, struct job *j);
void orphan_add(struct sender *s, struct job *j); /* its queued is gone, and the message is on its way */
void results_flush(struct sender *s);
void results_forget(struct sender *s);
/* Tells queued of places: those that it does not know of; at the start of a link. */
void places_grant(struct sender *s);
void places_start(struct sender *s);

/* options.c: what sessions of this kind need; a reference is the caller's */
struct client_options *options_local(const struct conf *c);
/* NULL: none is set. */
struct client_options *options_smarthost(const struct conf *c, struct ipc_msg *m, struct tls_trust *trust);
/* From master: who may vouch for other servers. NULL: there is no such file. */
struct tls_trust *options_trust(struct ipc_msg *m, const char *file, const char *event);
struct client_options *options_mx(const struct conf *c, struct str name, uint16_t port, struct tls_trust *trust,
	const struct way *way);
void options_drop(struct client_options *o);

/* route.c */
void route_job(struct sender *s, struct job *j); /* to its destination, or fails it */
/* The same, when the table has answered: its route or NULL; none: there are no routes at all. */
void route_by(struct sender *s, struct job *j, struct str domain, struct way *way, bool none);
size_t route_places(const struct sender *s, bool local);

/* lookup.c */
void lookup_init(struct sender *s);
void lookup_start(struct sender *s, struct lookup *l, enum lookup_kind kind, const char *name);
void lookup_stop(struct sender *s, struct lookup *l);
void lookup_tick(struct sender *s); /* once a second: gives up what nobody answers */
void lookup_linked(struct sender *s, enum lookup_to to, int fd); /* a new link: all is asked again */
bool lookup_waits(const struct sender *s);

/* dest.c */
void dest_init(struct dest *d, struct sender *s); /* a fixed one */
#define DEST_HOP "hop " /* name of a destination: HOST:PORT follows, no MX is asked */
struct dest *dest_get(struct sender *s, struct str name, struct way *way, enum dest_tls tls); /* made if need be */
void dest_done(struct dest *d); /* of one that is in no table: all but its memory */
void dest_fix(struct dest *d, struct host *h); /* all of its mail goes there; NULL: nowhere */
void dest_add(struct dest *d, struct job *j);
void dest_again(struct dest *d, struct job *j); /* in front of the others: it was not tried */
struct job *dest_take(struct dest *d); /* the next one for a session */
void dest_released(struct dest *d); /* a job of it left its session */
/* This host, in whose line it stood, cannot be had. ours: because it is this server. */
void dest_host_failed(struct dest *d, const struct dsn *why, bool ours);
void dest_fail(struct dest *d, const struct dsn *why); /* all that waits */
void dest_wait(struct dest *d, const struct dsn *why, int64_t seconds); /* all that waits goes back untried, for so long */
void dest_drop(struct dest *d);
void dest_tick(struct dest *d); /* may free it */
void dest_forget(struct dest *d); /* that it was down, and its hosts: DNS is asked, not its cache */
void dest_go(struct dest *d); /* what waits: to the first host that can be had, or the hosts are found out */
/* What was found out: hosts, whose references are taken over; or why there are none. */
void dest_learn(struct dest *d, struct mx *mx, size_t n, uint32_t ttl);
void dest_no_way(struct dest *d, int code, const char *status, const char *what);
struct job *dest_withdraw(struct dest *d); /* all that waits there, a list */

/* find.c */
#define DEST_KNOWN_MS 60000 /* what is known of a destination is asked for anew after this */
void dest_find_init(struct dest *d);
/* Finds its hosts out; of a test's: probe_hosts or probe_nowhere is told. */
void dest_find(struct dest *d);
void dest_look(struct dest *d); /* ... of one that is down, from time to time */

/* change.c */
void dests_fresh(struct dest *d); /* of all of its name, and their hosts, nothing is known */
void change_way(struct sender *s, struct str pattern); /* "*", a domain, ".domain" */
void change_lead(struct sender *s, struct job *all); /* each of a list its way of now */
bool change_same(const struct client_options *a, const struct client_options *b); /* NULL: there is none */

/* host.c */
void host_init(struct host *h, struct sender *s, enum host_kind kind); /* a fixed one */
/* New options (a reference is taken over, NULL: none); sessions of the old ones end when idle. */
void host_set(struct host *h, struct client_options *opt, size_t max);
/* By MX, for a destination: shared by all that ask for the same safety. A reference. */
struct host *host_get(const struct dest *d, struct str name, uint16_t port);
void host_release(struct host *h);
bool host_is_down(const struct host *h);
void host_attach(struct host *h, struct dest *d);
void host_detach(struct host *h, struct dest *d);
void host_wake(struct host *h);
void host_note_failure(struct host *h, const char *text);
void host_failed(struct host *h, const struct dsn *why, bool ours); /* everybody in its line goes elsewhere */
/* New options of one by MX, as its destinations want them. */
struct client_options *host_options(const struct host *h, struct str name, uint16_t port);
void host_work(struct host *h); /* may free it */
void host_tick(struct host *h); /* once a second; may free it */
/* For a stop, or when queued is gone: ends all that has not begun with a message; what has,
 * goes on (orphan: the next queued hears of it when it gives that job again). */
void host_drop(struct host *h, bool orphan);

/* reach.c */
void reach_init(struct host *h);
bool host_reached(struct host *h); /* its addresses are known, and what a connection must be; else they are asked for */

/* serve.c */
void host_serve(struct host *h);
/* For `mansio status`: how it stands with the smarthost. */
void host_note(const struct host *h, size_t waiting, char *out, size_t n);

/* probe.c */
void probe_start(struct sender *s, struct ipc_msg *m); /* the verb `test delivery` */
void probe_stop(struct sender *s); /* all of them */
void probe_wake(struct probe *p);
extern const struct client_watch probe_watch;
/* What those that work for it find out. Nothing of it is freed before they have returned. */
void probe_routed(struct probe *p, struct way *way); /* the job's test: what else authd says */
void probe_suppressed(struct sender *s, const struct ipc_msg *m); /* queued says whether the address is on its list */
void probe_unrouted(struct probe *p); /* the table of routes does not answer */
void probe_policy(struct probe *p, const struct ipc_msg *m); /* policyd's answer; NULL: none came */
void probe_hosts(struct probe *p, const struct dns_answer *mx); /* NULL: DNS was not asked */
void probe_nowhere(struct probe *p, const struct dsn *why);
/* source.c */
/* Messages that may go to h today by any of the addresses, UINT64_MAX: no limit. */
uint64_t source_room(struct host *h);
/* Binds to one of our addresses of that family, if any are named. 0, -errno, E_LIMIT: none may send more today. */
int source_bind(struct host *h, int fd, int family, struct addr *used);
bool source_may(struct host *h, const struct session *s); /* one message more? */
void source_sent(struct host *h, const struct session *s, struct job *j); /* counts it, and notes it in the job */
void source_unsent(struct host *h, const struct session *s, struct job *j); /* it was not tried */
int64_t source_wait(struct host *h, struct dsn *why); /* no room: seconds until there is, and why */
void sources_told(struct sender *s, const struct ipc_msg *m); /* what was sent today, by queued */
void sources_done(struct sender *s);

/* pace.c */
struct str pace_provider(const struct host *h);
bool pace_may_open(struct host *h);
void pace_session(struct host *h, bool opened); /* else closed */
bool pace_host(struct host *h); /* may a message begin? */
size_t pace_dest(struct host *h, struct dest *d); /* jobs that may be in sessions; 0: none may begin now */
void pace_sent(struct host *h, struct dest *d);
void pace_reply(struct host *h, struct dest *d, int code); /* d NULL: to the connection */
int pace_code(const struct job *j);
void pace_tell(struct dest *d); /* queued, what a destination bears now */

/* session.c */
/* To the first of the addresses; for lmtp over a pair whose other end goes to lmtpd. NULL: why. */
struct session *session_open(struct host *h, struct str trace, struct dsn *why);
void session_free(struct session *s);
void session_step(struct session *s); /* does what can be done now */
/* Notes in the job whom it goes to, for the result. */
void session_describe(const struct session *s, struct job *j);
/* The set-up failed: goes on with the next address, or without TLS where that may be. False: no
 * way is left. */
bool session_next_address(struct session *s);
void session_lost(struct session *s, const char *status, const char *fmt, ...) PRINTF(3, 4);

/* tlsrpt.c: for reports about TLS (RFC 8460). */
void tlsrpt_serves(struct session *s, const struct dest *d); /* ready, and takes a job of it */
/* While it was set up; for all who wait for the host. */
void tlsrpt_failed(const struct session *s, const char *result, const char *reason);
void tlsrpt_refused(const struct host *h); /* it was decided (h->sec) that nothing goes there */

/* rescue.c */
void rescue_start(struct sender *s, int in, int out); /* listens to what the sender before us left */
void rescue_sent(struct session *s); /* bytes have left */
void rescue_answered(struct session *s); /* replies were taken */
void rescue_closing(struct session *s); /* before its socket is closed */
bool rescue_waits(const struct sender *s, struct str message, uint32_t number); /* its answer may still come */

/* dial.c */
void dial_init(struct session *s);
void dial_start(struct session *s, size_t at); /* this address, and if it comes to that the others */
bool dial_left(const struct session *s, size_t *at_out); /* an address that was not tried */
deadline dial_wait(const struct session *s);
void dial_timer(struct session *s);
void dial_stop(struct session *s);

#endif
