# SPDX-License-Identifier: ISC
noinst_LIBRARIES += import/libimport.a
import_libimport_a_SOURCES = import/index.c import/index.h import/index_names.c import/job.c import/job.h \
	import/maildir.c import/maildir_apply.c import/maildir.h import/remote.c import/content.c import/content.h import/apply.c import/dial.c import/dial.h import/imap.c import/imap_talk.c import/imap_talk.h import/imap_reply.c import/imap_reply.h import/mbox.c import/mbox.h import/mbox_import.c import/export_mbox.c import/export_maildir.c
pkglibexec_PROGRAMS += libexec/importd
libexec_importd_SOURCES = import/importd.c
libexec_importd_LDADD = import/libimport.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(TLS_LIBS) $(NET_LIBS)
