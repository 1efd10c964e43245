# SPDX-License-Identifier: ISC
# Formats and folder without the processes, for tests and the program that restores a host
noinst_LIBRARIES += backup/libbackup.a
backup_libbackup_a_SOURCES = backup/format.c backup/format.h backup/lines.c backup/lines.h backup/manifest.c \
	backup/repo.c backup/repo.h backup/repo_private.h backup/repo_write.c backup/snapshots.c backup/snapshots.h \
	backup/walk.c backup/walk.h backup/idset.c backup/idset.h backup/schedule.c backup/schedule.h
BACKUP_LIBS = backup/libbackup.a $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(ZLIB_LIBS)

pkglibexec_PROGRAMS += libexec/backupd libexec/rescue
libexec_backupd_SOURCES = backup/backupd.c backup/job.c backup/job.h backup/run.c backup/mailbox.c backup/mailbox.h \
	backup/collect.c backup/verify.c backup/list.c backup/pick.c backup/pick.h backup/restore.c
libexec_backupd_LDADD = $(BACKUP_LIBS)
libexec_rescue_SOURCES = backup/rescue.c
libexec_rescue_LDADD = $(BACKUP_LIBS)
