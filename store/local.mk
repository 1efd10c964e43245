# SPDX-License-Identifier: ISC
noinst_LIBRARIES += store/libstore.a
store_libstore_a_SOURCES = store/store.c store/store.h store/internal.h \
	store/backup.c store/burst.c store/cache.c store/cache.h store/care.c store/copy.c store/expunge.c store/extra.c store/extra.h \
	store/flags.c store/folder.c store/folder.h store/folderfile.c store/folderfile.h \
	store/folders.c store/folders.h store/folders_change.c store/freeze.c store/guard.c store/guard.h store/import.c store/import_state.c store/import_state.h store/index.c store/index.h store/lmdb.h \
	store/message.c store/name.c store/name.h store/notify.c store/overlay.c store/overlay.h store/pack.c store/pack.h store/quota.c store/record.c store/record.h \
	store/refresh.c store/restored.c store/restored.h store/save.c store/state.c store/state.h store/sync.c store/vanished.c store/view.c store/view.h
STORE_LIBS = store/libstore.a $(MAIL_LIBS) $(LMDB_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/store/store_test tests/unit/store/resync_test tests/unit/store/trust_test tests/unit/store/freeze_test \
	tests/unit/store/foreign_test tests/unit/store/full_test tests/unit/store/name_test tests/unit/store/pack_test tests/unit/store/sandbox_test
check_PROGRAMS += tests/unit/store/import_test
tests_unit_store_import_test_SOURCES = tests/unit/store/import_test.c tests/unit/store/box.h
tests_unit_store_import_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_store_test_SOURCES = tests/unit/store/store_test.c tests/unit/store/box.h
tests_unit_store_store_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_freeze_test_SOURCES = tests/unit/store/freeze_test.c tests/unit/store/box.h
tests_unit_store_freeze_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_trust_test_SOURCES = tests/unit/store/trust_test.c tests/unit/store/box.h
tests_unit_store_trust_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_foreign_test_SOURCES = tests/unit/store/foreign_test.c tests/unit/store/box.h
tests_unit_store_foreign_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_full_test_SOURCES = tests/unit/store/full_test.c tests/unit/store/box.h
tests_unit_store_full_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_resync_test_SOURCES = tests/unit/store/resync_test.c tests/unit/store/box.h
tests_unit_store_resync_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/store/backup_test
tests_unit_store_backup_test_SOURCES = tests/unit/store/backup_test.c tests/unit/store/box.h
tests_unit_store_backup_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_name_test_SOURCES = tests/unit/store/name_test.c tests/unit/store/box.h
tests_unit_store_name_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_pack_test_SOURCES = tests/unit/store/pack_test.c tests/unit/store/box.h
tests_unit_store_pack_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_sandbox_test_SOURCES = tests/unit/store/sandbox_test.c tests/unit/store/box.h
tests_unit_store_sandbox_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/filename tests/fuzz/folderfile
tests_fuzz_filename_SOURCES = tests/fuzz/filename.c $(FUZZ_MAIN)
tests_fuzz_filename_LDADD = $(STORE_LIBS)
tests_fuzz_filename_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_folderfile_SOURCES = tests/fuzz/folderfile.c $(FUZZ_MAIN)
tests_fuzz_folderfile_LDADD = $(STORE_LIBS)
tests_fuzz_folderfile_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/filename/ours tests/fuzz/corpus/filename/offlineimap \
	tests/fuzz/corpus/filename/dovecot tests/fuzz/corpus/filename/odd \
	tests/fuzz/corpus/folderfile/full tests/fuzz/corpus/folderfile/small tests/fuzz/corpus/folderfile/bad
