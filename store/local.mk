# SPDX-License-Identifier: ISC
noinst_LIBRARIES += store/libstore.a
store_libstore_a_SOURCES = store/store.c store/store.h store/internal.h \
	store/cache.c store/cache.h store/care.c store/copy.c store/expunge.c store/extra.c store/extra.h \
	store/flags.c store/folder.c store/folder.h store/folderfile.c store/folderfile.h \
	store/folders.c store/folders.h store/guard.c store/guard.h store/index.c store/index.h \
	store/message.c store/name.c store/name.h store/notify.c store/record.c store/record.h \
	store/refresh.c store/save.c store/state.c store/state.h store/view.c store/view.h
STORE_LIBS = store/libstore.a $(MAIL_LIBS) $(LMDB_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/store/store_test tests/unit/store/trust_test
tests_unit_store_store_test_SOURCES = tests/unit/store/store_test.c tests/unit/store/box.h
tests_unit_store_store_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
tests_unit_store_trust_test_SOURCES = tests/unit/store/trust_test.c tests/unit/store/box.h
tests_unit_store_trust_test_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif
