noinst_LIBRARIES += mail/libmail.a
mail_libmail_a_SOURCES = mail/address.c mail/address.h mail/address_is.c mail/address_list.c mail/header.c mail/header.h \
	mail/date.c mail/date.h mail/charset.c mail/charset.h mail/encword.c mail/mime.c mail/mime.h \
	mail/mime_fields.c mail/mime_fields.h mail/mime_decode.c mail/mime_text.c \
	mail/imapdesc.c mail/imapdesc.h mail/imapset.c mail/imapset.h mail/mutf7.c \
	mail/dsn.c mail/dsn.h mail/smtp.c mail/smtp.h \
	mail/smtpdata.c mail/smtpdata.h mail/received.c mail/received.h \
	mail/envelope.c mail/envelope.h mail/report.c mail/report_text.c mail/report.h \
	mail/dsnparam.c mail/dsnparam.h mail/holdparam.c mail/holdparam.h mail/verp.c mail/verp.h mail/compose.c mail/compose.h mail/arf.c mail/arf.h \
	mail/bounce.c mail/bounce.h mail/report_read.c mail/report_read.h
MAIL_LIBS = mail/libmail.a $(BASE_LIBS) $(IDN2_LIBS) $(UNISTRING_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/mail/address_test tests/unit/mail/smtp_test tests/unit/mail/dsn_test \
	tests/unit/mail/smtpdata_test tests/unit/mail/received_test tests/unit/mail/envelope_test \
	tests/unit/mail/report_test tests/unit/mail/dsnparam_test tests/unit/mail/holdparam_test tests/unit/mail/verp_test
tests_unit_mail_verp_test_SOURCES = tests/unit/mail/verp_test.c
tests_unit_mail_verp_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_holdparam_test_SOURCES = tests/unit/mail/holdparam_test.c
tests_unit_mail_holdparam_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_dsnparam_test_SOURCES = tests/unit/mail/dsnparam_test.c
tests_unit_mail_dsnparam_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_report_test_SOURCES = tests/unit/mail/report_test.c
tests_unit_mail_report_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_envelope_test_SOURCES = tests/unit/mail/envelope_test.c
tests_unit_mail_envelope_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_address_test_SOURCES = tests/unit/mail/address_test.c
tests_unit_mail_address_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_smtp_test_SOURCES = tests/unit/mail/smtp_test.c
tests_unit_mail_smtp_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_dsn_test_SOURCES = tests/unit/mail/dsn_test.c
tests_unit_mail_dsn_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_smtpdata_test_SOURCES = tests/unit/mail/smtpdata_test.c
tests_unit_mail_smtpdata_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_received_test_SOURCES = tests/unit/mail/received_test.c
tests_unit_mail_received_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/address tests/fuzz/smtpcmd tests/fuzz/smtpdata tests/fuzz/envelope
tests_fuzz_envelope_SOURCES = tests/fuzz/envelope.c $(FUZZ_MAIN)
tests_fuzz_envelope_LDADD = $(MAIL_LIBS)
tests_fuzz_envelope_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_address_SOURCES = tests/fuzz/address.c $(FUZZ_MAIN)
tests_fuzz_address_LDADD = $(MAIL_LIBS)
tests_fuzz_address_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_smtpcmd_SOURCES = tests/fuzz/smtpcmd.c $(FUZZ_MAIN)
tests_fuzz_smtpcmd_LDADD = $(MAIL_LIBS)
tests_fuzz_smtpcmd_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_smtpdata_SOURCES = tests/fuzz/smtpdata.c $(FUZZ_MAIN)
tests_fuzz_smtpdata_LDADD = $(MAIL_LIBS)
tests_fuzz_smtpdata_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/address/plain tests/fuzz/corpus/address/quoted \
	tests/fuzz/corpus/address/utf8 tests/fuzz/corpus/address/literal \
	tests/fuzz/corpus/smtpcmd/mail tests/fuzz/corpus/smtpcmd/rcpt tests/fuzz/corpus/smtpcmd/rcpt8 \
	tests/fuzz/corpus/smtpdata/plain tests/fuzz/corpus/smtpdata/dots tests/fuzz/corpus/smtpdata/bare tests/fuzz/corpus/smtpdata/two-faults \
	tests/fuzz/corpus/smtpcmd/bdat tests/fuzz/corpus/smtpcmd/etrn tests/fuzz/corpus/smtpcmd/ehlo tests/fuzz/corpus/smtpcmd/reply tests/fuzz/corpus/smtpcmd/orcpt tests/fuzz/corpus/smtpcmd/notify \
	tests/fuzz/corpus/envelope/small tests/fuzz/corpus/envelope/all

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/mail/header_test tests/unit/mail/date_test tests/unit/mail/charset_test tests/unit/mail/imapset_test \
	tests/unit/mail/mime_test tests/unit/mail/imapdesc_test tests/unit/mail/corpus_test
tests_unit_mail_header_test_SOURCES = tests/unit/mail/header_test.c
tests_unit_mail_header_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_date_test_SOURCES = tests/unit/mail/date_test.c
tests_unit_mail_date_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_charset_test_SOURCES = tests/unit/mail/charset_test.c
tests_unit_mail_charset_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_imapset_test_SOURCES = tests/unit/mail/imapset_test.c
tests_unit_mail_imapset_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_mime_test_SOURCES = tests/unit/mail/mime_test.c
tests_unit_mail_mime_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_imapdesc_test_SOURCES = tests/unit/mail/imapdesc_test.c
tests_unit_mail_imapdesc_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
tests_unit_mail_corpus_test_SOURCES = tests/unit/mail/corpus_test.c
tests_unit_mail_corpus_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/header tests/fuzz/mime tests/fuzz/date tests/fuzz/encword tests/fuzz/imapset tests/fuzz/mboxname tests/fuzz/imapdesc
tests_fuzz_header_SOURCES = tests/fuzz/header.c $(FUZZ_MAIN)
tests_fuzz_header_LDADD = $(MAIL_LIBS)
tests_fuzz_header_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_mime_SOURCES = tests/fuzz/mime.c $(FUZZ_MAIN)
tests_fuzz_mime_LDADD = $(MAIL_LIBS)
tests_fuzz_mime_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_date_SOURCES = tests/fuzz/date.c $(FUZZ_MAIN)
tests_fuzz_date_LDADD = $(MAIL_LIBS)
tests_fuzz_date_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_encword_SOURCES = tests/fuzz/encword.c $(FUZZ_MAIN)
tests_fuzz_encword_LDADD = $(MAIL_LIBS)
tests_fuzz_encword_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_imapset_SOURCES = tests/fuzz/imapset.c $(FUZZ_MAIN)
tests_fuzz_imapset_LDADD = $(MAIL_LIBS)
tests_fuzz_imapset_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_mboxname_SOURCES = tests/fuzz/mboxname.c $(FUZZ_MAIN)
tests_fuzz_mboxname_LDADD = $(MAIL_LIBS)
tests_fuzz_mboxname_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_imapdesc_SOURCES = tests/fuzz/imapdesc.c $(FUZZ_MAIN)
tests_fuzz_imapdesc_LDADD = $(MAIL_LIBS)
tests_fuzz_imapdesc_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/header \
	tests/fuzz/corpus/mime \
	tests/fuzz/corpus/date \
	tests/fuzz/corpus/encword \
	tests/fuzz/corpus/imapset \
	tests/fuzz/corpus/mboxname \
	tests/fuzz/corpus/imapdesc \
	tests/vectors/mime tests/corpus/README.md tests/corpus/modern.tar.zst

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/mail/arf_test
tests_unit_mail_arf_test_SOURCES = tests/unit/mail/arf_test.c
tests_unit_mail_arf_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/mail/bounce_test
tests_unit_mail_bounce_test_SOURCES = tests/unit/mail/bounce_test.c
tests_unit_mail_bounce_test_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/bounce
tests_fuzz_bounce_SOURCES = tests/fuzz/bounce.c $(FUZZ_MAIN)
tests_fuzz_bounce_LDADD = $(MAIL_LIBS)
tests_fuzz_bounce_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/bounce
check_PROGRAMS += tests/fuzz/arf
tests_fuzz_arf_SOURCES = tests/fuzz/arf.c $(FUZZ_MAIN)
tests_fuzz_arf_LDADD = $(MAIL_LIBS)
tests_fuzz_arf_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/arf
