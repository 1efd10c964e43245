noinst_LIBRARIES += trace/libtrace.a
trace_libtrace_a_SOURCES = trace/trace.c trace/trace.h
TRACE_LIBS = trace/libtrace.a $(CONF_LIBS)
pkglibexec_PROGRAMS += libexec/traced
libexec_traced_SOURCES = trace/traced.c
libexec_traced_LDADD = $(TRACE_LIBS)
