EXTRA_DIST += tests/fuzz/main.c
dist_check_SCRIPTS = tests/unit/floors_test.sh
TESTS += tests/unit/floors_test.sh
