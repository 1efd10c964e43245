noinst_LIBRARIES += trace/libtrace.a
trace_libtrace_a_SOURCES = trace/trace.c trace/trace.h trace/room.c trace/line.c trace/line.h
TRACE_LIBS = trace/libtrace.a $(CONF_LIBS)
pkglibexec_PROGRAMS += libexec/traced
libexec_traced_SOURCES = trace/traced.c trace/sink.c trace/sink.h
libexec_traced_LDADD = $(KEEPER_LIBS)

# What keeps the events and answers, for its tests too
noinst_LIBRARIES += trace/libkeeper.a
trace_libkeeper_a_SOURCES = trace/keeper.c trace/keeper.h trace/keep.c trace/keep.h trace/block.c trace/block.h \
	trace/fields.c trace/fields.h trace/flight.c trace/flight.h trace/summary.c trace/summary.h \
	trace/search.c trace/story.c trace/loglist.c trace/changes.c trace/query.h trace/scope.c trace/scope.h \
	trace/events.c trace/events.h trace/events.def trace/ring.c trace/ring.h trace/stats.c trace/stats.h \
	trace/metrics.c trace/reader.c trace/reader.h trace/verbs.c
KEEPER_LIBS = trace/libkeeper.a $(TRACE_LIBS) $(DB_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/trace/trace_test
tests_unit_trace_trace_test_SOURCES = tests/unit/trace/trace_test.c
tests_unit_trace_trace_test_LDADD = $(TRACE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/trace/keep_test tests/unit/trace/ring_test
tests_unit_trace_keep_test_SOURCES = tests/unit/trace/keep_test.c
tests_unit_trace_keep_test_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
tests_unit_trace_ring_test_SOURCES = tests/unit/trace/ring_test.c
tests_unit_trace_ring_test_LDADD = $(KEEPER_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/trace_line
# fills a database for measurements: run by test_trace.py, no test in itself
EXTRA_PROGRAMS += tests/unit/trace/fill
tests_unit_trace_fill_SOURCES = tests/unit/trace/fill.c
tests_unit_trace_fill_LDADD = $(KEEPER_LIBS)
tests_fuzz_trace_line_SOURCES = tests/fuzz/trace_line.c $(FUZZ_MAIN)
tests_fuzz_trace_line_LDADD = $(TRACE_LIBS)
tests_fuzz_trace_line_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/trace_line
EXTRA_DIST += tests/fuzz/corpus/trace_fields
check_PROGRAMS += tests/fuzz/trace_fields
tests_fuzz_trace_fields_SOURCES = tests/fuzz/trace_fields.c $(FUZZ_MAIN)
tests_fuzz_trace_fields_LDADD = $(KEEPER_LIBS)
tests_fuzz_trace_fields_LDFLAGS = $(FUZZ_LDFLAGS)

