/* SPDX-License-Identifier: ISC
 *
 * main.c: runs a fuzz target over its corpus as a plain test, when libFuzzer
 * is not linked: every file of tests/fuzz/corpus/NAME, every truncation of it
 * up to 2,000 bytes, and each of its first 2,000 bytes replaced by the eight bytes of C03.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t runs;

static void try(const uint8_t *data, size_t n)
{
	/* an exact allocation, so that the sanitizer sees a read past the end */
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		exit(2);
	memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	runs++;
}

static void one(const char *path)
{
	static const uint8_t bad[] = { 0x00, 0x0a, 0x22, 0x28, 0x5c, 0x7f, 0x80, 0xff };
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n, i, j, top;

	if (!f) {
		perror(path);
		exit(2);
	}
	n = fread(data, 1, sizeof data, f);
	fclose(f);
	top = n < 2000 ? n : 2000;
	try(data, n);
	for (i = 0; i < top; i++)
		try(data, i);
	for (i = 0; i < top; i++) {
		uint8_t was = data[i];

		for (j = 0; j < sizeof bad; j++) {
			data[i] = bad[j];
			try(data, n);
		}
		data[i] = was;
	}
}

int main(int argc, char **argv)
{
	const char *src = getenv("MANSIO_SRCDIR"), *name = strrchr(argv[0], '/');
	char dir[4096], path[8192];
	struct dirent *e;
	DIR *d;
	int files = 0;

	(void)argc;
	snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", src ? src : ".", name ? name + 1 : argv[0]);
	d = opendir(dir);
	if (!d) {
		perror(dir);
		return 2;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		one(path);
		files++;
	}
	closedir(d);
	printf("%s: %d files, %zu inputs\n", dir, files, runs);
	return files ? 0 : 2;
}
