/* SPDX-License-Identifier: ISC
 *
 * format.h: the texts of a backup (docs/BACKUP.md): head of an object in a
 * pack, line of an index, manifest of a snapshot, and the lists that it leads
 * to. Pure functions; what they read may come from a damaged disk or a hostile
 * hand, so everything is checked and nothing is repaired.
 */
#ifndef MANSIO_BACKUP_FORMAT_H
#define MANSIO_BACKUP_FORMAT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/sha256.h"

#define FORMAT_VERSION 1
struct object_id {
	unsigned char sha[SHA256_SIZE]; /* of the content, before it is packed */
};
#define SNAPSHOT_ID 16 /* 20261122T021500Z */

/* --- packs ------------------------------------------------------------------- */

enum object_kind { OBJECT_MESSAGE, OBJECT_FILE, OBJECT_LIST, OBJECT_MAILBOX, OBJECT_QUEUE, OBJECT_FILES, OBJECT_KINDS };
const char *object_kind_name(enum object_kind k);

/* "mansio-object 1 SHA KIND METHOD SIZE STORED CRC HEADCRC\n", always OBJECT_HEAD bytes; then the
 * stored bytes, then a line feed. */
struct object_head {
	struct object_id id;
	enum object_kind kind;
	bool packed; /* gzip, else as it is */
	uint64_t size, stored; /* content, bytes in the pack */
	uint32_t crc; /* CRC-32C of the stored bytes: gzip has some that change nothing */
};
#define OBJECT_HEAD 140
#define OBJECT_MAX ((uint64_t)999999999999)
void object_head_print(const struct object_head *h, char out[OBJECT_HEAD + 1]);
int object_head_parse(struct str text, struct object_head *out); /* 0, E_DAMAGED */

/* "SHA OFFSET CRC\n", always INDEX_LINE bytes. */
#define INDEX_LINE 87
void index_line_print(const struct object_id *id, uint64_t at, char out[INDEX_LINE + 1]);
int index_line_parse(struct str line, struct object_id *id_out, uint64_t *at_out);

/* --- a snapshot ----------------------------------------------------------------- */

struct snapshot_mailbox {
	struct str address;
	struct object_id id; /* OBJECT_MAILBOX */
	uint64_t messages, bytes;
	struct str why; /* not empty: it could not be read, and id is not there */
};
struct snapshot {
	struct str id; /* SNAPSHOT_ID characters, UTC */
	struct str repository, host, program; /* program: the version that made it */
	bool scheduled;
	int64_t began, ended;
	struct object_id directory; /* OBJECT_FILE, a SQLite database */
	uint64_t directory_bytes;
	bool has_queue, has_files;
	struct object_id queue, files;
	uint64_t queue_messages, nfiles;
	struct snapshot_mailbox *mailbox; /* in order of their addresses */
	size_t nmailboxes;
	uint64_t messages, bytes, new_bytes;
};
void snapshot_print(const struct snapshot *s, struct buf *out);
/* 0; E_DAMAGED; E_UNSUPPORTED: the format of another version. Strings in the arena. */
int snapshot_parse(struct str text, struct arena *a, struct snapshot *out);
void snapshot_id(int64_t unix_time, char out[SNAPSHOT_ID + 1]);
bool snapshot_id_ok(struct str s);
bool snapshot_incomplete(const struct snapshot *s); /* a mailbox is missing */

/* --- a mailbox --------------------------------------------------------------------- */

struct kept_file { /* a small file, with its path beneath the mailbox or the state folder */
	struct object_id id;
	uint64_t size;
	unsigned mode;
	struct str path;
};
struct kept_list {
	struct object_id id; /* OBJECT_LIST */
	uint32_t number; /* UIDs number * LIST_UIDS .. + LIST_UIDS - 1 */
	uint32_t count;
};
struct kept_folder {
	struct str dir; /* "Maildir/.A" */
	uint64_t messages, bytes;
	struct kept_list *list;
	size_t nlists;
};
struct kept_mailbox {
	struct str address;
	struct kept_file *file;
	size_t nfiles;
	struct kept_folder *folder;
	size_t nfolders;
};
#define LIST_UIDS 1024
void mailbox_print(const struct kept_mailbox *m, struct buf *out);
int mailbox_parse(struct str text, struct arena *a, struct kept_mailbox *out);

/* A line of a list. */
struct kept_message {
	struct object_id id;
	uint64_t size; /* bytes of the file */
	uint64_t inode;
	int64_t mtime; /* ns: file, time and size together say that it is still the same */
	struct str name; /* "cur/…" */
};
void list_head_print(struct buf *out);
void list_line_print(const struct kept_message *m, struct buf *out);
/* All lines of a list. */
int list_parse(struct str text, struct arena *a, struct kept_message **out, size_t *n_out);

/* --- queue, files of the host ------------------------------------------------------- */

struct kept_queue {
	struct object_id db;
	uint64_t db_bytes;
	struct kept_file *message; /* path: its id */
	size_t nmessages;
};
void queue_head_print(const struct object_id *db, uint64_t bytes, struct buf *out);
void queue_line_print(const struct object_id *id, uint64_t size, struct str name, struct buf *out);
int queue_parse(struct str text, struct arena *a, struct kept_queue *out);
void files_print(const struct kept_file *f, size_t n, struct buf *out);
int files_parse(struct str text, struct arena *a, struct kept_file **out, size_t *n_out);

#endif
