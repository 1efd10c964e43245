/* SPDX-License-Identifier: ISC
 *
 * store.h: the door of store/: one person's mailbox, through its key.
 *
 * Maildir is the truth, the index a cache (docs/STORE.md). Everything here
 * works beneath the key descriptor and hides files, locks and index. No lock
 * is held and no index is open between two calls. All functions: 0 or
 * negative (E_*, -errno); output untouched on failure.
 *
 * Folder names are UTF-8 with '/' between levels, "INBOX" in capitals; a level
 * is 1..255 bytes on disk, never "." or "..", no control characters (E_SYNTAX).
 */
#ifndef MANSIO_STORE_H
#define MANSIO_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/imapset.h"

struct store;

struct store_options {
	int key; /* O_PATH descriptor of the user's directory; the store takes it */
	const char *host; /* for file names: [server] hostname */
	uint64_t quota_bytes, quota_messages; /* 0: none */
	int64_t lock_timeout_ms; /* E_TEMP after that */
	bool notify; /* for a session: makes the socket that store_notify_fd binds in notify/ */
	int notified; /* > 0: such a socket from an earlier life of this session, used if it
	                 fits and taken in any case */
};

/* Reads what a sandbox hides (boot id), makes the socket that notifies, opens the
 * system files that mail needs. Before the sandbox; forks inherit it. store_open and
 * store_seal call it if nobody did. */
void store_prepare(void);
/* For a zygote's children to keep: descriptors of these files. How many, at most cap. */
size_t store_rule_fds(int *out, size_t cap);
/* Locks the process up (SANDBOX_STORE) with these mailboxes, before or after they are
 * opened, and the system files. Keys of -1 are skipped. */
int store_seal(const int *key, size_t n);
/* The same without rules of its own: for a process that serves one mailbox after the
 * other, each by a key that it closes again. It keeps what its parent left it: the mail
 * root, where plain permissions let nobody in who has no key. */
int store_seal_shared(void);
/* Leaves the directory of the last mailbox, which store_open made the current one. */
int store_leave(void);

/* First opening makes Maildir and the standard folders (INBOX Drafts Sent Junk
 * Trash Archive, subscribed, special use). fchdir()s to the key: one store per process at a time. */
int store_open(const struct store_options *opt, struct store **out);
void store_close(struct store *s);

/* --- folders ----------------------------------------------------------- */

enum store_folder_flags {
	STORE_NOSELECT = 1, /* a level that is only a parent */
	STORE_HASCHILDREN = 2,
	STORE_SUBSCRIBED = 4,
	STORE_NONEXISTENT = 8, /* subscribed, but not there */
};
struct store_folder {
	struct str name;
	unsigned flags;
	struct str special; /* "\\Sent" or empty (RFC 6154) */
};
/* All folders in byte order of their names, INBOX first; with subscribed-only
 * names that no longer exist (STORE_NONEXISTENT). */
int store_folders(struct store *s, struct arena *a, struct store_folder **out, size_t *n_out);
int store_folder_exists(struct store *s, struct str name, bool *out);
/* Missing parents come into being. E_EXISTS, E_SYNTAX, E_LIMIT (too many). special: "" or "\\Sent". */
int store_create(struct store *s, struct str name, struct str special);
/* Children stay (the name then is NOSELECT). E_NOTFOUND; E_DENIED for INBOX. */
int store_delete(struct store *s, struct str name);
/* With children. INBOX: its messages move to the new folder (RFC 3501 6.3.5). E_EXISTS, E_NOTFOUND. */
int store_rename(struct store *s, struct str from, struct str to);
int store_subscribe(struct store *s, struct str name, bool on);

struct store_status {
	uint32_t messages, recent, unseen, deleted, uidvalidity, uidnext;
	uint64_t highestmodseq, size;
};
int store_status(struct store *s, struct str folder, struct store_status *out);
/* Bytes of the messages marked \Deleted. */
int store_deleted_size(struct store *s, struct str folder, uint64_t *out);
int store_usage(struct store *s, uint64_t *bytes_out, uint64_t *messages_out);
/* The limits that store_open was told, 0: none. */
void store_quota(const struct store *s, uint64_t *bytes_out, uint64_t *messages_out);

/* --- a view: what one session sees of one folder ------------------------ */

enum {
	STORE_SEEN = 1, STORE_ANSWERED = 2, STORE_FLAGGED = 4, STORE_DELETED = 8, STORE_DRAFT = 16,
	STORE_RECENT = 32, /* of this view only */
	STORE_GONE = 64, /* expunged by somebody, not yet told to this client */
};
#define STORE_KEYWORDS_MAX 64
struct store_rec {
	uint32_t uid;
	uint32_t flags;
	uint64_t keywords; /* bit i: view->keyword[i] */
	uint64_t modseq;
	int64_t internaldate, savedate; /* unix seconds */
	uint64_t size; /* as sent on the wire, CRLF */
};

/* Read by programs, changed by the store only. rec[i] is sequence number i+1. */
struct store_view {
	struct store *store;
	struct str name;
	bool readonly;
	struct store_rec *rec;
	uint32_t n;
	uint32_t uidvalidity, uidnext;
	uint32_t recent;
	uint64_t highestmodseq;
	uint64_t toldmodseq; /* as high, but below the first removal that store_sync held back */
	bool modseqs; /* the program's: a change of the MODSEQ alone is a change too */
	struct str keyword[STORE_KEYWORDS_MAX]; /* case kept */
	unsigned nkeywords;
	struct store_view_private *priv;
};
int store_select(struct store *s, struct str folder, bool readonly, struct store_view **out);
void store_deselect(struct store_view *v);
/* This session renamed the view's folder (or a parent of it): the view goes on under
 * the new name. */
int store_follow(struct store_view *v, struct str name);

struct store_changes {
	uint32_t *expunged; /* sequence numbers in the order to tell them (each as
	                       EXPUNGE sees it: counted after the ones before) */
	uint32_t *expunged_uid;
	size_t nexpunged;
	uint32_t *changed; /* indexes into rec[] whose flags or keywords (or v->modseqs: MODSEQs) differ, after the expunges */
	size_t nchanged;
	bool exists; /* v->n grew: tell EXISTS (and RECENT) */
	bool keywords; /* a keyword was added: tell FLAGS */
};
/* Brings the view up to date. Without `expunge` removed messages stay, marked
 * STORE_GONE, until a later call with it (RFC 3501 7.4.1, RFC 2180). E_STALE:
 * the folder is gone or has another UIDVALIDITY. Cheap when nothing happened. */
int store_sync(struct store_view *v, bool expunge, struct arena *a, struct store_changes *out);
/* Index of a UID in rec[], or -1; store_find_from: first index with uid >= uid (may be n). */
ssize_t store_find(const struct store_view *v, uint32_t uid);
uint32_t store_find_from(const struct store_view *v, uint32_t uid);

enum store_op { STORE_SET, STORE_ADD, STORE_CLEAR };
/* Flags of messages by index list. Keywords by name (new ones are made; E_LIMIT
 * past 64). Durable when it returns. Gone messages are skipped, *gone_out says
 * that there were any. The view's records are changed; indexes of those that really
 * changed come in changed_out (arena). */
int store_set_flags(struct store_view *v, const uint32_t *index, size_t n, enum store_op op,
	uint32_t flags, const struct str *keyword, size_t nkeywords, struct arena *a,
	uint32_t **changed_out, size_t *nchanged_out, bool *gone_out);
struct store_flags_done {
	uint32_t *changed, *modified;
	size_t nchanged, nmodified;
	bool gone;
};
/* The same, but a message whose MODSEQ is above `unchangedsince` is left alone, its view
 * record brought up to date, and comes in modified (RFC 7162 3.1.3; but not when only
 * other flags changed since the view saw it, 3.1.12). */
int store_set_flags_if(struct store_view *v, const uint32_t *index, size_t n, enum store_op op,
	uint32_t flags, const struct str *keyword, size_t nkeywords, uint64_t unchangedsince,
	struct arena *a, struct store_flags_done *out);
/* UIDs of messages that were removed after the MODSEQ `since` and are not in the view
 * (RFC 7162 3.2.6), in rising order. If that was too long ago to be known, all UIDs
 * that were ever given and are not in the view. */
int store_vanished(struct store_view *v, uint64_t since, struct arena *a, struct imapset *out);
/* Removes messages: `index` list, or all with \Deleted if index is NULL. They
 * become STORE_GONE; the next store_sync(expunge) tells. */
int store_expunge(struct store_view *v, const uint32_t *index, size_t n);

struct store_copied {
	uint32_t uidvalidity; /* of the target */
	uint32_t *from, *to; /* UIDs, pairs in order */
	size_t n;
};
/* All or nothing; messages that are gone are left out. move: source messages are removed (STORE_GONE). E_NOTFOUND
 * (no such target: TRYCREATE), E_QUOTA. Flags, keywords, INTERNALDATE are kept. */
int store_copy(struct store_view *v, const uint32_t *index, size_t n, struct str target, bool move,
	struct arena *a, struct store_copied *out);

/* --- content ------------------------------------------------------------- */

enum store_desc_want {
	STORE_WANT_ENVELOPE = 1, STORE_WANT_BODYSTRUCTURE = 2, STORE_WANT_BODY = 4,
	STORE_WANT_HEADERS = 8, /* the common header fields, as below */
};
struct store_desc {
	struct str envelope, bodystructure, body; /* IMAP text, without the item's name */
	struct str headers; /* fields of store_common_headers, raw, in message order, without empty line */
};
/* Header fields that are always in `headers` if the message has them; lower case. */
extern const char *const store_common_headers[];
/* From the cache file, or computed now and added to it. The texts are good until the
 * next call with this view (or the arena's end). E_NOTFOUND: gone. */
int store_describe(struct store_view *v, uint32_t index, unsigned want, struct arena *a,
	struct store_desc *out);

struct store_msg {
	int fd; /* the file */
	uint64_t size; /* on the wire */
	bool direct; /* file bytes are wire bytes: may be sent from the descriptor */
	struct str text; /* after store_msg_load: all wire bytes */
	void *owned;
};
int store_msg_open(struct store_view *v, uint32_t index, struct store_msg *out);
int store_msg_load(struct store_msg *m); /* reads it all (bounded by the message limit) */
/* Wire bytes [at, at + n) appended to out, less at the end. */
int store_msg_read(struct store_msg *m, uint64_t at, size_t n, struct buf *out);
void store_msg_close(struct store_msg *m);
/* The POP3 unique id: imported, else "uidvalidity.uid" in hex. */
int store_pop3_uidl(struct store_view *v, uint32_t index, struct buf *out);

/* --- saving --------------------------------------------------------------- */

struct store_save;
struct store_save_options {
	struct str folder; /* E_NOTFOUND if it is not there */
	uint32_t flags;
	const struct str *keyword;
	size_t nkeywords;
	int64_t internaldate; /* 0: now */
	struct str delivery_id; /* "[A-Za-z0-9]+", or empty: a fresh unique name */
	/* Asked when all but the name is done, if it is there: does anybody still wait for the
	 * answer? No: E_CLOSED, and nothing is saved. Who gets none sends it again. */
	bool (*wanted)(void *arg);
	void *wanted_arg;
};
/* Checks folder and quota (with size_hint, 0 unknown) first. */
int store_save_begin(struct store *s, const struct store_save_options *opt, uint64_t size_hint,
	struct store_save **out);
int store_save_write(struct store_save *w, const void *p, size_t n);
/* fsync, link under the lock, fsync of the directory, notify: then it is safe.
 * Frees w in any case. E_EXISTS: this delivery id is already there (the earlier
 * uid is returned, nothing written). */
int store_save_commit(struct store_save *w, uint32_t *uidvalidity_out, uint32_t *uid_out);
void store_save_abort(struct store_save *w);

/* --- importing: messages that another server had (import.c) -------------------- */

struct store_import;
struct store_import_options {
	struct str folder; /* made if it is not there */
	struct str source; /* names what comes from where: for the memory of earlier runs */
	struct str special; /* "\\Sent": if no other folder with messages has it; or empty */
	uint32_t uidvalidity, uidnext; /* of the source; 0: there is nothing to keep */
	bool dry; /* only looks */
};
/* What came in an earlier run. */
struct store_imported {
	uint32_t uid; /* here; the message may be gone */
	uint32_t flags; /* as the source had them then */
	struct str keywords; /* the same, a space between two; good until store_import_end */
};
struct store_import_message {
	struct str id; /* [A-Za-z0-9]{1,40}, the same whenever this message comes */
	uint32_t uid; /* at the source; 0: none */
	uint32_t flags;
	const struct str *keyword;
	size_t nkeywords; /* what is no keyword, or one too many, is left out */
	int64_t internaldate;
	struct str uidl; /* POP3, or empty */
	int fd; /* from store_import_file, written; taken */
	uint64_t size, wire; /* of the file; with CRLF */
	uint32_t uid_out; /* here */
};
enum store_import_uids {
	STORE_UIDS_NONE, /* the source has none */
	STORE_UIDS_KEPT,
	STORE_UIDS_TAKEN, /* there were messages in the folder already */
	STORE_UIDS_OTHER, /* imported before from a folder with another UIDVALIDITY */
};
/* The folder gets the source's UIDVALIDITY if it is empty; what is imported then gets the
 * UIDs it had. Until store_import_end says that all is there, no other message gets a UID
 * below the source's UIDNEXT. */
int store_import_begin(struct store *s, const struct store_import_options *opt, struct store_import **out,
	enum store_import_uids *uids_out);
/* true: this message came in an earlier run (or in this one). */
bool store_import_find(struct store_import *im, struct str id, struct store_imported *out);
/* Those of earlier runs that were not asked for by store_import_find: n of them. */
struct store_import_missing {
	struct str id;
	uint32_t uid;
};
void store_import_missing(struct store_import *im, struct arena *a, struct store_import_missing **out, size_t *n_out);
/* An anonymous file for content, to be written from its start. */
int store_import_file(struct store *s);
#define STORE_IMPORT_BATCH 400
/* In the order in which they shall get UIDs; at most STORE_IMPORT_BATCH. Durable when it
 * returns. All descriptors are taken. */
int store_import_add(struct store_import *im, struct store_import_message *m, size_t n);
/* Changes what the next run hears of a message that is here. */
int store_import_note(struct store_import *im, struct str id, uint32_t flags, struct str keywords);
int store_import_forget(struct store_import *im, struct str id);
/* The lowest UID of the source that can be kept: those messages are to be added first. */
uint32_t store_import_lowest(const struct store_import *im);
/* Messages that have another UID than at the source, though UIDs are kept. */
uint64_t store_import_moved(const struct store_import *im);
/* complete: all that the source has is here. Frees im in any case. */
int store_import_end(struct store_import *im, bool complete);

/* --- waiting --------------------------------------------------------------- */

/* Readable when another process changed a folder, from this call on; -1 without opt.notify. */
int store_notify_fd(struct store *s);
void store_notify_clear(struct store *s);
/* The socket goes to somebody else, who has a copy of the descriptor: closing the store
 * leaves its name in place. */
void store_notify_leave(struct store *s);

/* --- sleeping: a view as text, and back (freeze.c) --------------------------- */

#define STORE_FROZEN_MAX 4096
/* The view as its client knows it, right after a store_sync with `expunge`, as printable
 * text. E_LIMIT: too much for a text (scattered \Recent); E_TEMP: the client was not
 * told everything. */
int store_view_freeze(const struct store_view *v, struct buf *out);
/* The same view again: rec[] is what the client was shown (the text says how much and by
 * digest), messages that are gone marked STORE_GONE; the next store_sync tells what
 * changed meanwhile. text may come from anywhere. E_SYNTAX; E_STALE: the folder is gone
 * or another, or what the client was shown cannot be told any more. */
int store_view_thaw(struct store *s, struct str text, struct store_view **out);
/* What datagrams of the notify socket say when the view's folder, or the list of
 * folders, changed: one line each. */
#define STORE_LOOK 64
void store_look(const struct store_view *v, char out[STORE_LOOK]);

/* --- backup (backup.c, restored.c) -------------------------------------------- */

/* What there is, as a backup must know it. Paths are beneath the key, and good until the
 * function returns; a negative answer ends the listing and is its result. */
struct store_listing {
	/* A small file (identity, subscriptions, scripts), whole. */
	int (*file)(void *arg, struct str path, struct str content);
	/* The messages that follow lie beneath this directory: "Maildir/.A". */
	int (*folder)(void *arg, struct str dir);
	int (*message)(void *arg, struct str name); /* "cur/1795287054.…" */
	int (*end)(void *arg); /* all was told, and the lock is still held; may be NULL */
	void *arg;
};
/* Brings every folder up to date (messages of other programs get their UIDs), then tells
 * all of it under one shared lock: one moment of the whole mailbox. The names stay in the
 * caller's memory, the files are read later: they never change. */
int store_list(struct store *s, const struct store_listing *l);
/* A listed file for reading, -ENOENT: expunged, or under another name meanwhile. */
int store_list_open(struct store *s, struct str dir, struct str name);
struct store_file {
	uint64_t inode, size;
	int64_t mtime; /* ns */
};
/* What says that it is the same file as before. */
int store_list_stat(struct store *s, struct str dir, struct str name, struct store_file *out);
uint32_t store_list_uid(struct str name); /* the one in the name, or 0 */
struct str store_list_base(struct str name); /* the part that no flag changes */

/* A listed name read again, with the files of its folder at that time. */
struct store_listed {
	uint32_t uid; /* 0: none */
	uint32_t flags;
	uint64_t size; /* on disk */
	int64_t internaldate; /* 0: unknown */
	struct str base; /* its unique part, which no flag changes */
	struct str keyword[STORE_KEYWORDS_MAX];
	size_t nkeywords;
};
struct store_listed_folder;
/* dir as listed; identity and extra: its files mansio-folder and mansio-extra, or empty.
 * All strings must live as long as it. E_SYNTAX: no name leads to dir. */
int store_listed_folder(struct str dir, struct str identity, struct str extra, struct arena *a,
	struct store_listed_folder **out);
struct str store_listed_name(const struct store_listed_folder *f); /* of the folder, UTF-8 */
int store_listed_message(const struct store_listed_folder *f, struct str name, struct store_listed *out);

/* For a folder that goes back to an older state on an empty machine: its mansio-folder with marks so
 * much higher that no UID and no MODSEQ that was given meanwhile is given again. E_LIMIT:
 * no room left for that: only a new UIDVALIDITY helps. */
int store_leap(struct str identity, struct buf *out);
/* Every folder gets a new UIDVALIDITY; UIDs, flags and keywords stay. For a mailbox whose
 * past is not what clients remember: they forget all of it and fetch again. */
int store_restored(struct store *s);

/* --- care ------------------------------------------------------------------ */

int store_rebuild(struct store *s); /* deletes the index, builds it anew */
/* One line a finding into report; *findings_out: how many. repair: mends what it can. */
int store_check(struct store *s, bool repair, struct buf *report, size_t *findings_out);

#endif
