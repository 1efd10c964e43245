EXTRA_DIST += tests/fuzz/main.c
dist_check_SCRIPTS = tools/floors
TESTS += tools/floors
