/* SPDX-License-Identifier: ISC
 *
 * master.h: private to master/: the supervisor, `mansio run`.
 *
 * master starts every process of the suite, makes the links between them,
 * watches, restarts, reloads and stops them. It is the only one that stays
 * root, so it parses nothing from outside: its inputs are the settings file
 * and the control socket, which only root and its own uid may open.
 *
 *   run.c       options, the loop, signals, the stop
 *   procs.c     life of one process: start, ready, exit, brake, renewal
 *   links.c     who gets which end of which link
 *   spawn.c     fork, user change, exec
 *   settings.c  the settings file with its certificates
 *   state.c     the state folder; who its parts belong to
 *   listen.c    listening sockets (port.c names who has a taken one)
 *   backup.c    the folder and the files for backupd
 *   control.c   the control socket
 *   settle.c    when new settings count everywhere
 *   certs.c     certificates that nobody configured: issued, self-signed
 *   verbs_config.c, history.c  settings by command and page
 *   notify.c    a word to the service manager
 */
#ifndef MANSIO_MASTER_H
#define MANSIO_MASTER_H

#include "base/clock.h"
#include "conf/conf.h"
#include "net/addr.h"
#include "net/ipc.h"
#include "trace/trace.h"

/* --- the table ----------------------------------------------------------- */

enum program_count { COUNT_ONE, COUNT_CORES, COUNT_POOL_SIZE, COUNT_IF_PAM };
enum program_kind { KIND_LOOP, KIND_ZYGOTE, KIND_FRESH, KIND_POOL };
enum program_phase { PHASE_DOOR, PHASE_ROOM, PHASE_KEEPER, PHASE_LOG, PHASE_N };

enum program_id {
#define PROGRAM(name, user, extra, count, kind, phase) PROGRAM_##name,
#define LINK(from, to)
#include "master/programs.def"
#undef PROGRAM
#undef LINK
	NPROGRAMS
};

struct program_def {
	const char *name, *user, *extra_group;
	enum program_count count;
	enum program_kind kind;
	enum program_phase phase;
};
extern const struct program_def programs[NPROGRAMS];

/* --- settings with certificates -------------------------------------------- */

#define CERTS_MAX 15
#define LISTEN_MAX 32 /* with 2 * CERTS_MAX below IPC_MAX_FDS */

struct settings {
	struct conf *conf; /* state and hostname filled in, state absolute */
	struct buf text; /* what the processes get */
	struct buf file; /* the settings file, as it was read */
	struct buf chain[CERTS_MAX], key[CERTS_MAX];
	struct str label[CERTS_MAX]; /* whence: a path, or what it is */
	size_t nown; /* configured ones; behind them what certs.c adds */
	size_t ncerts;
	struct buf trust; /* who may vouch for servers that mail goes to, for sender */
	struct buf smarthost_trust, password; /* of the smarthost, for sender; empty: the same, none */
	struct buf import_trust; /* who may vouch for servers that an import asks */
	struct buf sts_trust; /* who may vouch for web servers with MTA-STS policies */
	struct buf acme_trust, acme_eab; /* for acmed, the same */
	struct buf hook_trust, hook_secret; /* for hookd */
	struct buf ldap_trust, ldap_password; /* for authd's workers */
	struct buf pgsql_trust, pgsql_password; /* for authd */
	struct buf oldserver_trust; /* for authd */
	struct buf keytab; /* for authd's workers: [kerberos] keytab */
	struct buf client_ca, client_crl; /* for front and authd's workers: who vouches for certificates of clients; empty: none */
	struct buf oauth_keys; /* for authd's workers: [oauth] jwks_file; empty: none */
	struct buf oauth_trust, oauth_secret; /* for oauthd */
	struct buf access, rewrite; /* access_file and rewrite_file, as they were read */
	int rules; /* for authd: the table of both, sealed memory; -1: none */
	struct buf rules_why; /* what is wrong in these files, a line each; empty: nothing */
};

/* Reads the file, its certificates and keys, and tries these in a child
 * without rights. state: instead of the file's, or NULL. 0, or E_SYNTAX with
 * every error in errors, each a line. RULES_APART: mistakes in access_file and rewrite_file are left in rules_why. */
enum settings_rules { RULES_TOO, RULES_APART };
int settings_load(const char *path, const char *state, enum settings_rules rules, struct settings **out, struct buf *errors);
/* The same of a text that is not in the file yet. */
int settings_load_text(const char *path, struct str text, const char *state, enum settings_rules rules,
	struct settings **out, struct buf *errors);
void settings_free(struct settings *s);
/* Adds cert.N and key.N as fresh descriptors (memory files); the caller's
 * fd_out (2 * CERTS_MAX) is what it must close after sending. */
size_t settings_add_certs(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Adds cert.N alone (CERTS_MAX at most), which is what everybody may know; fields `cert` name them. */
size_t settings_add_chains(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* A sealed memory file: its descriptor, or negative. */
int settings_memory(const char *name, const struct buf *content);
/* A name of the file: relative ones start in the folder of the settings file. */
char *settings_path(struct arena *a, const char *config, struct str name);
/* Adds `trust` for importd in the same way. */
size_t settings_add_import(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Adds trust, smarthost_trust and password in the same way (three descriptors at most). */
size_t settings_add_smarthost(const struct settings *s, struct ipc_msg *m, int *fd_out);

/* Adds trust for policyd in the same way. */
size_t settings_add_sts(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Adds trust and eab for acmed in the same way. */
size_t settings_add_acme(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Adds trust and secret for hookd in the same way. */
size_t settings_add_hook(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Files of the back ends of the directory (ldap.*, pgsql_*), for authd, in the same way. */
size_t settings_add_oauth(const struct settings *s, struct ipc_msg *m, int *fd_out);
size_t settings_add_directory(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* The authorities of clients and their lists as one, for front and authd, in the same way. */
size_t settings_add_client_ca(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* Adds keytab for authd in the same way. */
size_t settings_add_keytab(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* kerberos.c: reads [kerberos] keytab, and tries it. */
void settings_load_keytab(struct settings *s, const char *config, struct buf *errors);
/* client_ca.c: reads [auth] client_ca and client_crl, and tries them. */
void settings_load_client_ca(struct settings *s, const char *config, struct buf *errors);
/* oauth.c: in a child without any right: is that text good for check? false: why has a sentence. */
typedef int settings_check_fn(struct str text, const void *arg, struct buf *why);
bool settings_usable(settings_check_fn *check, struct str text, const void *arg, struct buf *why);
/* Adds trust and secret for oauthd. */
size_t settings_add_provider(const struct settings *s, struct ipc_msg *m, int *fd_out);
/* oauth.c: reads [oauth] jwks_file into s->oauth_keys, and tries the keys. */
void settings_load_oauth(struct settings *s, const char *config, struct buf *errors);
/* tables.c: reads access_file and rewrite_file into s->rules. */
void settings_load_rules(struct settings *s, const char *config);
/* Do both mean the same files, to be read in the same way? */
bool settings_rules_alike(const struct conf *a, const struct conf *b);
/* s, whose files are not good, gets the rules of before. */
int settings_rules_of(struct settings *s, const struct settings *before);
/* Keeps a copy of good files in STATE/settings; gives s the rules of the copies, E_NOTFOUND: there are none. */
void settings_rules_save(const struct settings *s, int dir);
int settings_rules_last(struct settings *s, const char *config, int dir);
/* Tries certificates `from` to ncerts in a child without rights. False: why has a sentence. */
bool settings_try_certs(const struct settings *s, size_t from, struct buf *why);

/* --- processes -------------------------------------------------------------- */

enum proc_state {
	PROC_DOWN, /* is (re)started when `at` passes; never: not anymore */
	PROC_STARTING, /* runs, not ready; killed when `at` passes */
	PROC_READY,
	PROC_STOPPING, /* was told to stop */
};

struct proc {
	enum program_id id;
	int instance;
	enum proc_state state;
	bool retired; /* another one has its place */
	bool joined; /* its clients have their links */
	bool asked; /* a status is awaited */
	pid_t pid;
	int control;
	deadline at;
	int64_t since; /* monotonic ms */
	unsigned restarts, fails;
	unsigned generation; /* counts renewals of its place */
	uint64_t settings, settled; /* of which reload its settings are; all that was said up to that one it has taken */
	uint64_t sessions;
	char note[128];
	dev_t folder_dev; /* backupd: the folder that it was given; 0: none */
	ino_t folder_ino;
	struct proc *replaces; /* renewal: stopped when this one is ready */
};

struct ids {
	uid_t uid;
	gid_t gid, extra;
	bool has_extra;
};

struct pool_end { /* the room's end of a front's pool link */
	enum program_id from, to;
	int instance, fd;
};

struct conn;
struct listener {
	const char *service;
	struct addr addr;
	int *fd; /* one of each front; lmtp: one */
	size_t nfds;
};

struct master {
	const char *config, *state_option;
	struct settings *set;
	bool root;
	int64_t cores;
	unsigned char ticket_seed[32]; /* of all fronts' TLS session tickets, since ticket_day */
	int64_t ticket_day;
	int libexec[NPROGRAMS]; /* the binaries, open */
	struct ids ids[NPROGRAMS];
	int dir_state, dir_run, dir_directory, dir_mail, dir_spool, dir_queue, dir_settings, dir_trace, dir_tls, dir_secrets, dir_acme, dir_policy, dir_dkim, dir_hooks, taken, kept[2], control, signals, ready_fd, lock;
	struct listener listener[LISTEN_MAX + 2];
	size_t nlisteners;
	struct proc **proc;
	size_t nprocs, procs_cap;
	struct pool_end *pool;
	size_t npool, pool_cap;
	struct conn *conn;
	deadline certs_at; /* when certificates are read again; never: no need */
	bool was_ready;
	int notify; /* socket of the service manager; -1: none asks */
	int64_t alive_every; /* ms */
	deadline alive_at; /* next sign of life for its watchdog */
	bool stopping;
	deadline stop_at; /* the end of the grace time */
	int64_t stop_began;
	uint64_t reloads, settle_said; /* the last one; the last one that `settle` was said for */
	deadline numbers_at; /* the next message of numbers.c; 0: at once */
	enum program_phase phase; /* told to stop up to this one */
	int exit_code;
};

/* procs.c */
void procs_make(struct master *m);
void procs_tick(struct master *m); /* starts what is due, kills what is late */
deadline procs_next(const struct master *m);
void procs_reap(struct master *m);
void proc_readable(struct master *m, struct proc *p);
void procs_certs(struct master *m); /* the fronts and checkd get certificates, and nothing else changes */
/* Sends on its control socket; one that does not read is killed. */
void proc_send(struct master *m, struct proc *p, const struct ipc_msg *msg);
void proc_stop(struct master *m, struct proc *p, const char *reason);
void procs_reload(struct master *m);
/* A new process in the place of each of this program; the old ones go on until it is ready. */
void procs_renew(struct master *m, enum program_id id);
size_t procs_alive(const struct master *m, enum program_phase phase);
bool proc_running(const struct proc *p);
void proc_log(enum trace_level level, const char *event, const struct proc *p, const char *why);

/* links.c */
void links_out(struct master *m, struct proc *p); /* to those that p asks */
void links_again(struct master *m, struct proc *from, enum program_id to); /* it lost its link to one that lives */
void links_in(struct master *m, struct proc *p); /* to those that ask p */

/* shared_key.c: adds `shared-secret.key` for authd, the key of this host, which is made when there is none. fd_out: to
 * be closed when it is sent. */
size_t shared_key_add(struct master *m, struct ipc_msg *msg, int *fd_out);
/* certs.c: behind the configured certificates of m->set: the issued one, and if there is none at
 * all, a self-signed one. Replaces those of an earlier call. */
void certs_add(struct master *m);
/* Adds `next` for checkd; how many descriptors are to be closed. */
size_t certs_add_next(struct master *m, struct ipc_msg *msg, int *fd_out);
void certs_due(struct master *m); /* acmed has a new one: soon */
void certs_tick(struct master *m);

/* spawn.c: the pid, or negative; *control_out is master's end. */
pid_t spawn(struct master *m, enum program_id id, int *control_out);
/* Finds and opens the binaries, looks the users up. A sentence on stderr. */
int spawn_init(struct master *m);
/* The same for a few programs, by the user nobody where the system's users are not made yet. */
int spawn_init_some(struct master *m, const enum program_id *id, size_t n);

/* state.c; 0, or a sysexits code and a sentence on standard error */
int state_open(struct master *m);
/* Folder of the log file, the file itself made if need be; a descriptor or negative. */
int state_log_dir(struct master *m);

/* listen.c; a sysexits code */
int listen_open(struct master *m);
void listen_add(struct master *m, struct ipc_msg *msg, enum program_id id, int instance);
/* port.c: "process 1234 (dovecot)" for a taken port, or "" */
const char *port_owner(const struct addr *a, char out[80]);

/* verbs_config.c: 'config list' and the like. Rows go to reply; the last row, with its
 * facts, is left in last (of verb "result"). A sysexits code, a sentence in why. asker: on
 * whose behalf, from outside; empty: this host's own command. */
int config_verb(struct master *m, const char *verb, const struct ipc_msg *in, int reply, struct ipc_msg *last,
	struct buf *why);

/* history.c: STATE/settings: each change, with the settings file as it was before */
struct change {
	uint64_t id, time;
	struct str who, verb, key, from, to, text;
};
/* The ids that are there, rising; an array of the arena. */
size_t history_ids(int dir, struct arena *a, uint64_t **out);
int history_load(int dir, uint64_t id, struct arena *a, struct change *out);
/* Writes it under the next number (c->id), and forgets the oldest beyond `keep`. */
int history_add(int dir, struct change *c, size_t keep);

/* backup.c */
/* Adds the folder to the start of backupd, or folder_error; how many descriptors are to be closed. */
size_t backup_add_folder(struct master *m, struct proc *p, struct ipc_msg *msg, int *fd_out);
void backup_known(struct master *m, struct str id); /* backupd says which backup is in the folder */
/* Adds settings, certificates and the authority's account to a run. */
#define BACKUP_FILES 60
size_t backup_add_files(struct master *m, struct ipc_msg *msg, int *fd_out);
/* Is the folder another one than backupd has (mounted, replaced)? */
bool backup_folder_moved(struct master *m, const struct proc *p);

/* control.c */
int control_open(struct master *m);
void control_accept(struct master *m);
void control_tick(struct master *m);
deadline control_next(const struct master *m);
/* A verb that nobody waits for, of a process that master asked to be told (backupd's schedule). */
void control_run(struct master *m, const char *verb);
void control_readable(struct master *m, int fd);
void control_ask(struct master *m, struct ipc_msg *in); /* a verb that authd's gate lets pass */
size_t control_poll(const struct master *m, int *fd_out, size_t cap);
void control_stopped(struct master *m); /* answers those who wait for the stop */

/* settle.c: a reload is a number, m->reloads */
void settle_tick(struct master *m);
void settle_ask(struct master *m, struct proc *p); /* it is ready only now */
/* Has everybody who can be waited for taken what came with this reload? */
bool settle_over(const struct master *m, uint64_t reload);
/* The names of those who have not, "hookd, queued"; empty: all have. */
void settle_missing(const struct master *m, uint64_t reload, struct buf *out);

/* notify.c: sd_notify(3) */
void notify_open(struct master *m);
void notify_say(const struct master *m, const char *fmt, ...) PRINTF(2, 3);
void notify_tick(struct master *m);
/* numbers.c: what the processes use, for traced */
void numbers_tick(struct master *m);

/* run.c */
/* 0, or negative and every error. kept not NULL: broken files of rules that have nothing to do with what changed are
 * told there, and the rules of before stay; else they are errors too. */
int run_reload(struct master *m, struct buf *errors, struct buf *restart_out, struct buf *kept);
void run_stop(struct master *m, const char *why);
int run(const char *config, const char *state, int ready_fd);

#endif
