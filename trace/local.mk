noinst_LIBRARIES += trace/libtrace.a
trace_libtrace_a_SOURCES = trace/trace.c trace/trace.h trace/line.c trace/line.h
TRACE_LIBS = trace/libtrace.a $(CONF_LIBS)
pkglibexec_PROGRAMS += libexec/traced
libexec_traced_SOURCES = trace/traced.c trace/sink.c trace/sink.h
libexec_traced_LDADD = $(TRACE_LIBS)
