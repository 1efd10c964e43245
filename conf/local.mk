noinst_LIBRARIES += conf/libconf.a
conf_libconf_a_SOURCES = conf/sts.c conf/sts.h conf/oauth.c conf/oauth.h conf/conf.c conf/conf.h conf/keys.c conf/keys.def conf/value.c conf/value.h \
	conf/warmup.c conf/warmup.h conf/sending.c conf/sending.h conf/near.c conf/near.h conf/trust.c conf/trust.h conf/realm.c conf/realm.h conf/check.c conf/check.h conf/check_people.c conf/edit.c conf/edit.h conf/print.c conf/manual.c \
	conf/program.c conf/program.h conf/zygote.c conf/zygote.h \
	conf/verbs.c conf/verbs.h conf/verbs.def
CONF_LIBS = conf/libconf.a $(NET_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/conf/trust_test
tests_unit_conf_trust_test_SOURCES = tests/unit/conf/trust_test.c
tests_unit_conf_trust_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/conf/zygote_test
tests_unit_conf_zygote_test_SOURCES = tests/unit/conf/zygote_test.c
tests_unit_conf_zygote_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/conf/conf_test tests/unit/conf/near_test tests/unit/conf/warmup_test tests/unit/conf/sending_test
tests_unit_conf_conf_test_SOURCES = tests/unit/conf/conf_test.c
tests_unit_conf_conf_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
tests_unit_conf_sending_test_SOURCES = tests/unit/conf/sending_test.c
tests_unit_conf_sending_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
tests_unit_conf_warmup_test_SOURCES = tests/unit/conf/warmup_test.c
tests_unit_conf_warmup_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
tests_unit_conf_near_test_SOURCES = tests/unit/conf/near_test.c
tests_unit_conf_near_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/settings
tests_fuzz_settings_SOURCES = tests/fuzz/settings.c $(FUZZ_MAIN)
tests_fuzz_settings_LDADD = $(CONF_LIBS)
tests_fuzz_settings_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/settings

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/conf/edit_test
tests_unit_conf_edit_test_SOURCES = tests/unit/conf/edit_test.c
tests_unit_conf_edit_test_LDADD = $(CONF_LIBS) $(CMOCKA_LIBS)
endif
check_PROGRAMS += tests/fuzz/settings_edit
tests_fuzz_settings_edit_SOURCES = tests/fuzz/settings_edit.c $(FUZZ_MAIN)
tests_fuzz_settings_edit_LDADD = $(CONF_LIBS)
tests_fuzz_settings_edit_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/settings_edit

# The unit, the users and the state folder. One list of users: those of master/programs.def
EXTRA_DIST += conf/mansio.service.in conf/mansio.conf
if SYSTEMD
systemdsystemunit_DATA = mansio.service
CLEANFILES += mansio.service
mansio.service: conf/mansio.service.in Makefile
	$(AM_V_GEN)sed -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/conf/mansio.service.in >$@.tmp && mv $@.tmp $@
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = sysusers/mansio.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = tmpfiles/mansio.conf
CLEANFILES += sysusers/mansio.conf tmpfiles/mansio.conf
sysusers/mansio.conf: master/programs.def tools/users.sh
	$(AM_V_GEN)mkdir -p sysusers && bash -c '. $(srcdir)/tools/users.sh && users_sysusers' >$@.tmp && mv $@.tmp $@
tmpfiles/mansio.conf: Makefile
	$(AM_V_GEN)mkdir -p tmpfiles && printf '%s\n' '# Mansio: its data; what lies in it is made by the suite itself' \
		'd /var/lib/mansio 0711 root root -' >$@.tmp && mv $@.tmp $@
endif

# /etc/mansio/mansio.conf: the shipped one, unless there is one; a copy to compare with stays in share
dist_pkgdata_DATA = conf/mansio.conf
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/mansio"
	$(MKDIR_P) "$(DESTDIR)$(man1dir)" && ln -sf sendmail.1 "$(DESTDIR)$(man1dir)/mailq.1" && \
		ln -sf sendmail.1 "$(DESTDIR)$(man1dir)/newaliases.1"
	test -e "$(DESTDIR)$(sysconfdir)/mansio/mansio.conf" || \
		$(INSTALL_DATA) $(srcdir)/conf/mansio.conf "$(DESTDIR)$(sysconfdir)/mansio/mansio.conf"
uninstall-local:
	rm -f "$(DESTDIR)$(bindir)/mailq" "$(DESTDIR)$(bindir)/newaliases" "$(DESTDIR)$(prefix)/lib/sendmail" \
		"$(DESTDIR)$(man1dir)/mailq.1" "$(DESTDIR)$(man1dir)/newaliases.1"
	cmp -s $(srcdir)/conf/mansio.conf "$(DESTDIR)$(sysconfdir)/mansio/mansio.conf" && \
		rm -f "$(DESTDIR)$(sysconfdir)/mansio/mansio.conf" || true
	rmdir "$(DESTDIR)$(sysconfdir)/mansio" 2>/dev/null || true
