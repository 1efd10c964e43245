noinst_LIBRARIES += store/libstore.a
store_libstore_a_SOURCES = store/store.c store/store.h
STORE_LIBS = store/libstore.a $(MAIL_LIBS) $(LMDB_LIBS)
