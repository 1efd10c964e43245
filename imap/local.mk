# All but main, so that tests can run a session alone
noinst_LIBRARIES += imap/libimap.a
imap_libimap_a_SOURCES = imap/session.c imap/session.h imap/input.c imap/input.h imap/parse.c imap/parse.h \
	imap/reply.c imap/tell.c imap/commands.c imap/commands.h imap/section.c imap/section.h \
	imap/body.c imap/body.h imap/search.h imap/search_parse.c imap/list_match.c imap/list_match.h \
	imap/cmd_append.c imap/cmd_capability.c imap/cmd_check.c imap/cmd_close.c imap/cmd_copy.c \
	imap/cmd_create.c imap/cmd_delete.c imap/cmd_enable.c imap/cmd_expunge.c imap/cmd_fetch.c \
	imap/cmd_id.c imap/cmd_idle.c imap/cmd_list.c imap/cmd_logout.c imap/cmd_namespace.c \
	imap/cmd_noop.c imap/cmd_rename.c imap/cmd_search.c imap/cmd_select.c imap/cmd_status.c \
	imap/cmd_store.c imap/cmd_subscribe.c imap/cmd_unselect.c
IMAP_LIBS = imap/libimap.a $(STORE_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
pkglibexec_PROGRAMS += libexec/imapd
libexec_imapd_SOURCES = imap/imapd.c
libexec_imapd_LDADD = imap/libimap.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
