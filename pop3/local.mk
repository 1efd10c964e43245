# All but main, so that tests can run a session alone
noinst_LIBRARIES += pop3/libpop3.a
pop3_libpop3_a_SOURCES = pop3/session.c pop3/session.h pop3/maildrop.c pop3/send.c pop3/cmd_capa.c \
	pop3/cmd_dele.c pop3/cmd_list.c pop3/cmd_quit.c pop3/cmd_retr.c
pkglibexec_PROGRAMS += libexec/pop3d
libexec_pop3d_SOURCES = pop3/pop3d.c
libexec_pop3d_LDADD = pop3/libpop3.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/pop3/session_test
tests_unit_pop3_session_test_SOURCES = tests/unit/pop3/session_test.c \
	tests/unit/pop3/fake_store.c tests/unit/pop3/fake_store.h
tests_unit_pop3_session_test_LDADD = pop3/libpop3.a $(TRACE_LIBS) $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/pop3
tests_fuzz_pop3_SOURCES = tests/fuzz/pop3.c tests/unit/pop3/fake_store.c tests/unit/pop3/fake_store.h $(FUZZ_MAIN)
tests_fuzz_pop3_LDADD = pop3/libpop3.a $(TRACE_LIBS) $(MAIL_LIBS)
tests_fuzz_pop3_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/pop3
