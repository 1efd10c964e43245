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

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/backup/format_test tests/unit/backup/repo_test
tests_unit_backup_format_test_SOURCES = tests/unit/backup/format_test.c
tests_unit_backup_format_test_LDADD = $(BACKUP_LIBS) $(CMOCKA_LIBS)
tests_unit_backup_repo_test_SOURCES = tests/unit/backup/repo_test.c
tests_unit_backup_repo_test_LDADD = $(BACKUP_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/backup_manifest tests/fuzz/backup_pack
tests_fuzz_backup_manifest_SOURCES = tests/fuzz/backup_manifest.c $(FUZZ_MAIN)
tests_fuzz_backup_manifest_LDADD = $(BACKUP_LIBS)
tests_fuzz_backup_manifest_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_backup_pack_SOURCES = tests/fuzz/backup_pack.c $(FUZZ_MAIN)
tests_fuzz_backup_pack_LDADD = $(BACKUP_LIBS)
tests_fuzz_backup_pack_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/backup_manifest tests/fuzz/corpus/backup_pack
