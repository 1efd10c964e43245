bin_PROGRAMS += bin/mansio
bin_mansio_SOURCES = master/mansio.c master/import_users.c master/import_users.h master/master.h master/programs.def master/run.c master/procs.c \
	master/links.c master/spawn.c master/settings.c master/oauth.c master/client_ca.c master/kerberos.c master/shared_key.c master/tables.c master/state.c master/listen.c master/port.c \
	master/control.c master/settle.c master/backup.c master/numbers.c master/verbs_config.c master/history.c master/certs.c $(ASK) master/output.c master/ask.c master/alone.c $(COMMAND)
COMMAND = master/cmdline.c master/cmdline.h master/help.c master/completion.c
bin_mansio_SOURCES += master/notify.c $(WHERE) master/setup.c master/setup.h master/setup_answers.c master/setup_files.c \
	master/setup_suite.c master/setup_people.c master/setup_card.c
ASK = master/source.c master/source.h master/client.c master/client.h
WHERE = master/where.c master/where.h
bin_mansio_LDADD = auth/libauthd.a $(TRACE_LIBS) $(TLS_LIBS) $(MAIL_LIBS) $(NET_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)

# Sample and manual pages are made by the program they describe.
pkgdata_DATA = mansio.conf.sample
man_MANS = mansio.1 mansio.conf.5
CLEANFILES += mansio.conf.sample mansio.1 mansio.conf.5
mansio.conf.sample: bin/mansio$(EXEEXT)
	$(AM_V_GEN)bin/mansio$(EXEEXT) config sample >$@.tmp && mv $@.tmp $@
mansio.conf.5: bin/mansio$(EXEEXT)
	$(AM_V_GEN)bin/mansio$(EXEEXT) config manual >$@.tmp && mv $@.tmp $@
mansio.1: bin/mansio$(EXEEXT)
	$(AM_V_GEN)bin/mansio$(EXEEXT) help --roff >$@.tmp && mv $@.tmp $@

# Completion for the shells, from the same table
bashcompdir = $(datadir)/bash-completion/completions
bashcomp_DATA = completion/mansio
zshcompdir = $(datadir)/zsh/site-functions
zshcomp_DATA = completion/_mansio
fishcompdir = $(datadir)/fish/vendor_completions.d
fishcomp_DATA = completion/mansio.fish
CLEANFILES += completion/mansio completion/_mansio completion/mansio.fish
completion/mansio: bin/mansio$(EXEEXT)
	$(AM_V_GEN)mkdir -p completion && bin/mansio$(EXEEXT) help --completion=bash >$@.tmp && mv $@.tmp $@
completion/_mansio: bin/mansio$(EXEEXT)
	$(AM_V_GEN)mkdir -p completion && bin/mansio$(EXEEXT) help --completion=zsh >$@.tmp && mv $@.tmp $@
completion/mansio.fish: bin/mansio$(EXEEXT)
	$(AM_V_GEN)mkdir -p completion && bin/mansio$(EXEEXT) help --completion=fish >$@.tmp && mv $@.tmp $@

# 0711: a program that its user cannot read stays undumpable across exec.
install-exec-hook:
	for p in $(pkglibexec_PROGRAMS); do \
		chmod 0711 "$(DESTDIR)$(pkglibexecdir)/$$(basename $$p)" || exit 1; \
	done

pkglibexec_PROGRAMS += libexec/mailboxd
libexec_mailboxd_SOURCES = master/mailboxd.c
libexec_mailboxd_LDADD = $(STORE_LIBS) $(AUTH_LIBS) $(TRACE_LIBS) $(MAIL_LIBS) $(NET_LIBS)

pkglibexec_PROGRAMS += libexec/resolverd
libexec_resolverd_SOURCES = master/resolverd.c
libexec_resolverd_LDADD = $(RECURSOR_LIBS) $(TRACE_LIBS) $(CONF_LIBS) $(NET_LIBS) $(EVENT_ALL_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/master/cmdline_test
tests_unit_master_cmdline_test_SOURCES = tests/unit/master/cmdline_test.c $(COMMAND)
tests_unit_master_cmdline_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
endif

# What other programs expect of a mail server
sbin_PROGRAMS = sbin/sendmail
sbin_sendmail_SOURCES = master/sendmail.c master/sendmail.h master/sendmail_message.c master/sendmail_talk.c \
	master/mailq.c master/newaliases.c $(ASK) $(WHERE)
sbin_sendmail_LDADD = $(CONF_LIBS) $(MAIL_LIBS)
dist_man_MANS += master/sendmail.1
install-exec-local:
	$(MKDIR_P) "$(DESTDIR)$(bindir)" "$(DESTDIR)$(prefix)/lib"
	ln -sf ../sbin/sendmail "$(DESTDIR)$(bindir)/mailq"
	ln -sf ../sbin/sendmail "$(DESTDIR)$(bindir)/newaliases"
	ln -sf ../sbin/sendmail "$(DESTDIR)$(prefix)/lib/sendmail"
