EXTRA_DIST += tests/fuzz/main.c
