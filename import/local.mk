# SPDX-License-Identifier: ISC
noinst_LIBRARIES += import/libimport.a
import_libimport_a_SOURCES = import/index.c import/index.h import/index_names.c import/job.c import/job.h \
	import/maildir.c import/maildir_apply.c import/maildir.h import/remote.c import/content.c import/content.h import/apply.c import/dial.c import/dial.h import/imap.c import/imap_talk.c import/imap_talk.h import/imap_reply.c import/imap_reply.h import/mbox.c import/mbox.h import/mbox_import.c import/export_mbox.c import/export_maildir.c
pkglibexec_PROGRAMS += libexec/importd
libexec_importd_SOURCES = import/importd.c
libexec_importd_LDADD = import/libimport.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(TLS_LIBS) $(NET_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/import/index_test tests/unit/import/imap_test
tests_unit_import_index_test_SOURCES = tests/unit/import/index_test.c
tests_unit_import_index_test_LDADD = import/libimport.a $(MAIL_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_import_imap_test_SOURCES = tests/unit/import/imap_test.c
tests_unit_import_imap_test_LDADD = import/libimport.a $(MAIL_LIBS) $(NET_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/importindex tests/fuzz/mbox tests/fuzz/imapreply
tests_fuzz_importindex_SOURCES = tests/fuzz/importindex.c $(FUZZ_MAIN)
tests_fuzz_importindex_LDADD = import/libimport.a $(MAIL_LIBS) $(NET_LIBS)
tests_fuzz_importindex_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_mbox_SOURCES = tests/fuzz/mbox.c $(FUZZ_MAIN)
tests_fuzz_mbox_LDADD = import/libimport.a $(MAIL_LIBS) $(NET_LIBS)
tests_fuzz_mbox_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_imapreply_SOURCES = tests/fuzz/imapreply.c $(FUZZ_MAIN)
tests_fuzz_imapreply_LDADD = import/libimport.a $(MAIL_LIBS) $(NET_LIBS)
tests_fuzz_imapreply_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/importindex tests/fuzz/corpus/mbox tests/fuzz/corpus/imapreply
