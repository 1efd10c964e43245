EXTRA_DIST += tests/fuzz/main.c
dist_check_SCRIPTS = tests/unit/floors_test.sh
TESTS += tests/unit/floors_test.sh

# The fault counter: linked here, preloaded into a running suite by tests/system
EXTRA_DIST += tests/crash/faults.c tests/crash/faults_clock.c
check_PROGRAMS += tests/crash/store
tests_crash_store_SOURCES = tests/crash/store.c tests/crash/crash.h \
	tests/crash/picture.c tests/crash/change.c tests/crash/judge.c tests/crash/faults.c tests/crash/faults.h
tests_crash_store_LDADD = $(STORE_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/crash/queue
tests_crash_queue_SOURCES = tests/crash/queue.c tests/crash/faults.c tests/crash/faults.h \
	tests/unit/smtp/queue.c tests/unit/smtp/queue.h
tests_crash_queue_LDADD = $(QUEUE_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/crash/uids
tests_crash_uids_SOURCES = tests/crash/uids.c tests/crash/picture.c tests/crash/crash.h
tests_crash_uids_LDADD = $(STORE_LIBS)
