/* SPDX-License-Identifier: ISC
 *
 * commands.c: verb -> function, state and flags. STARTTLS, LOGIN and
 * AUTHENTICATE are front's; after login they are unknown here.
 */
#include "imap/commands.h"

#define SEL IMAP_SELECTED

static const struct imap_command table[] = {
	{ "APPEND", cmd_append, 0 },
	{ "CAPABILITY", cmd_capability, IMAP_NOARGS },
	{ "CHECK", cmd_check, SEL | IMAP_NOARGS },
	{ "CLOSE", cmd_close, SEL | IMAP_NOARGS | IMAP_QUIET },
	{ "COPY", cmd_copy, SEL | IMAP_UID },
	{ "CREATE", cmd_create, 0 },
	{ "DELETE", cmd_delete, 0 },
	{ "ENABLE", cmd_enable, 0 },
	{ "EXAMINE", cmd_examine, IMAP_QUIET },
	{ "EXPUNGE", cmd_expunge, SEL | IMAP_UID },
	{ "FETCH", cmd_fetch, SEL | IMAP_UID | IMAP_NUMBERS },
	{ "GETQUOTA", cmd_getquota, 0 },
	{ "GETQUOTAROOT", cmd_getquotaroot, 0 },
	{ "ID", cmd_id, 0 },
	{ "IDLE", cmd_idle, IMAP_NOARGS },
	{ "LIST", cmd_list, 0 },
	{ "LOGOUT", cmd_logout, IMAP_NOARGS | IMAP_QUIET },
	{ "LSUB", cmd_lsub, 0 },
	{ "MOVE", cmd_move, SEL | IMAP_UID },
	{ "NAMESPACE", cmd_namespace, IMAP_NOARGS },
	{ "NOOP", cmd_noop, IMAP_NOARGS },
	{ "RENAME", cmd_rename, 0 },
	{ "SEARCH", cmd_search, SEL | IMAP_UID | IMAP_NUMBERS },
	{ "SELECT", cmd_select, IMAP_QUIET },
	{ "STATUS", cmd_status, 0 },
	{ "STORE", cmd_store, SEL | IMAP_UID | IMAP_NUMBERS },
	{ "SUBSCRIBE", cmd_subscribe, 0 },
	{ "UNSELECT", cmd_unselect, SEL | IMAP_NOARGS | IMAP_QUIET },
	{ "UNSUBSCRIBE", cmd_unsubscribe, 0 },
};

const struct imap_command *imap_command(struct str verb, bool uid)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		if (str_ieqc(verb, table[i].verb))
			return uid && !(table[i].flags & IMAP_UID) ? NULL : &table[i];
	return NULL;
}
