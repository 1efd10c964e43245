noinst_LIBRARIES += conf/libconf.a
conf_libconf_a_SOURCES = conf/conf.c conf/conf.h conf/keys.def conf/program.c conf/program.h conf/zygote.c conf/zygote.h
CONF_LIBS = conf/libconf.a $(NET_LIBS)
