noinst_LIBRARIES += trace/libtrace.a
trace_libtrace_a_SOURCES = trace/trace.c trace/trace.h trace/room.c trace/line.c trace/line.h
TRACE_LIBS = trace/libtrace.a $(CONF_LIBS)
pkglibexec_PROGRAMS += libexec/traced
libexec_traced_SOURCES = trace/traced.c trace/sink.c trace/sink.h
libexec_traced_LDADD = $(TRACE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/trace/trace_test
tests_unit_trace_trace_test_SOURCES = tests/unit/trace/trace_test.c
tests_unit_trace_trace_test_LDADD = $(TRACE_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/trace_line
tests_fuzz_trace_line_SOURCES = tests/fuzz/trace_line.c $(FUZZ_MAIN)
tests_fuzz_trace_line_LDADD = $(TRACE_LIBS)
tests_fuzz_trace_line_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/trace_line
