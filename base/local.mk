noinst_LIBRARIES += base/libbase.a
base_libbase_a_SOURCES = base/base.c base/base.h base/str.c base/str.h base/buf.c base/buf.h \
	base/arena.c base/arena.h base/cur.c base/cur.h base/codec.c base/codec.h \
	base/clock.c base/clock.h base/rand.c base/rand.h base/table.c base/table.h \
	base/file.c base/file.h base/proc.c base/proc.h base/sandbox.c base/sandbox.h \
	base/sandbox_filter.c base/sandbox_filter.h base/sha256.c base/sha256.h
BASE_LIBS = base/libbase.a $(SECCOMP_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/base/str_test
tests_unit_base_str_test_SOURCES = tests/unit/base/str_test.c
tests_unit_base_str_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/sha256_test
tests_unit_base_sha256_test_SOURCES = tests/unit/base/sha256_test.c
tests_unit_base_sha256_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/buf_test
tests_unit_base_buf_test_SOURCES = tests/unit/base/buf_test.c
tests_unit_base_buf_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/arena_test
tests_unit_base_arena_test_SOURCES = tests/unit/base/arena_test.c
tests_unit_base_arena_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/cur_test
tests_unit_base_cur_test_SOURCES = tests/unit/base/cur_test.c
tests_unit_base_cur_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/codec_test
tests_unit_base_codec_test_SOURCES = tests/unit/base/codec_test.c
tests_unit_base_codec_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/table_test
tests_unit_base_table_test_SOURCES = tests/unit/base/table_test.c
tests_unit_base_table_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/file_test
tests_unit_base_file_test_SOURCES = tests/unit/base/file_test.c
tests_unit_base_file_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/proc_test
tests_unit_base_proc_test_SOURCES = tests/unit/base/proc_test.c
tests_unit_base_proc_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/base/sandbox_test
tests_unit_base_sandbox_test_SOURCES = tests/unit/base/sandbox_test.c
tests_unit_base_sandbox_test_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif

# SQLite is for the owners of a database alone: no room links it
noinst_LIBRARIES += base/libdb.a
base_libdb_a_SOURCES = base/db.c base/db.h
DB_LIBS = base/libdb.a $(BASE_LIBS) $(SQLITE_LIBS)
