# All but main, so that tests can run a session alone
noinst_LIBRARIES += imap/libimap.a
imap_libimap_a_SOURCES = imap/session.c imap/session.h imap/input.c imap/input.h imap/parse.c imap/parse.h \
	imap/reply.c imap/tell.c imap/commands.c imap/commands.h imap/section.c imap/section.h \
	imap/body.c imap/body.h imap/hibernate.c imap/search.h imap/search_parse.c imap/search_match.c imap/list_match.c imap/list_match.h \
	imap/list.h imap/list_parse.c imap/list_parse.h imap/modifier_parse.c imap/modifier_parse.h \
	imap/select_parse.c imap/select_parse.h imap/status.c imap/status.h \
	imap/cmd_append.c imap/cmd_capability.c imap/cmd_check.c imap/cmd_close.c imap/cmd_copy.c \
	imap/cmd_create.c imap/cmd_delete.c imap/cmd_enable.c imap/cmd_expunge.c imap/cmd_fetch.c imap/cmd_getquota.c \
	imap/cmd_id.c imap/cmd_idle.c imap/cmd_list.c imap/cmd_logout.c imap/cmd_lsub.c imap/cmd_namespace.c \
	imap/cmd_noop.c imap/cmd_rename.c imap/cmd_search.c imap/cmd_select.c imap/cmd_status.c \
	imap/cmd_store.c imap/cmd_subscribe.c imap/cmd_unselect.c
IMAP_LIBS = imap/libimap.a $(STORE_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
pkglibexec_PROGRAMS += libexec/imapd
libexec_imapd_SOURCES = imap/imapd.c
libexec_imapd_LDADD = imap/libimap.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/imap/parse_test tests/unit/imap/section_test tests/unit/imap/search_parse_test \
	tests/unit/imap/list_match_test tests/unit/imap/list_parse_test tests/unit/imap/select_parse_test tests/unit/imap/session_test \
	tests/unit/imap/hibernate_test
tests_unit_imap_parse_test_SOURCES = tests/unit/imap/parse_test.c
tests_unit_imap_parse_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_section_test_SOURCES = tests/unit/imap/section_test.c
tests_unit_imap_section_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_search_parse_test_SOURCES = tests/unit/imap/search_parse_test.c
tests_unit_imap_search_parse_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_list_match_test_SOURCES = tests/unit/imap/list_match_test.c
tests_unit_imap_list_match_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_hibernate_test_SOURCES = tests/unit/imap/hibernate_test.c
tests_unit_imap_hibernate_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_select_parse_test_SOURCES = tests/unit/imap/select_parse_test.c
tests_unit_imap_select_parse_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_list_parse_test_SOURCES = tests/unit/imap/list_parse_test.c
tests_unit_imap_list_parse_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
tests_unit_imap_session_test_SOURCES = tests/unit/imap/session_test.c
tests_unit_imap_session_test_LDADD = $(IMAP_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/asleep
tests_fuzz_asleep_SOURCES = tests/fuzz/asleep.c $(FUZZ_MAIN)
tests_fuzz_asleep_LDADD = $(IMAP_LIBS)
tests_fuzz_asleep_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/asleep/none tests/fuzz/corpus/asleep/text tests/fuzz/corpus/asleep/changes
check_PROGRAMS += tests/fuzz/imapcmd
tests_fuzz_imapcmd_SOURCES = tests/fuzz/imapcmd.c $(FUZZ_MAIN)
tests_fuzz_imapcmd_LDADD = $(IMAP_LIBS)
tests_fuzz_imapcmd_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/imapcmd/fetch tests/fuzz/corpus/imapcmd/search \
	tests/fuzz/corpus/imapcmd/store tests/fuzz/corpus/imapcmd/append tests/fuzz/corpus/imapcmd/list \
	tests/fuzz/corpus/imapcmd/id tests/fuzz/corpus/imapcmd/qresync tests/fuzz/corpus/imapcmd/changedsince \
	tests/fuzz/corpus/imapcmd/unchangedsince tests/fuzz/corpus/imapcmd/esearch \
	tests/fuzz/corpus/imapcmd/listextended tests/fuzz/corpus/imapcmd/status
