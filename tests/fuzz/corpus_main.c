/* corpus_main: runs a fuzz target over files and folders of files, so that what once crashed stays mended without
 * libFuzzer. Fails when there was nothing to run. */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_INPUT_BYTES = 1024 * 1024, PATH_BYTES = 4096 };

/* The bytes stand in a block of exactly their size, so that a sanitizer sees a step beyond. */
static int run_file(const char *path)
{
	static uint8_t bytes[MAX_INPUT_BYTES];
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
	uint8_t *exact = malloc(size ? size : 1);
	if (!file || ferror(file) || !exact) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	memcpy(exact, bytes, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	(void)fclose(file);
	return 1;
}

static int run_path(const char *path)
{
	struct dirent **entries = NULL;
	struct stat status;
	char inner[PATH_BYTES];
	int ran = 0;
	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		return run_file(path);
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		(void)snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			ran += run_file(inner);
		free(entries[i]);
	}
	free(entries);
	return ran;
}

int main(int argc, char **argv)
{
	int ran = 0;
	for (int i = 1; i < argc; i++)
		ran += run_path(argv[i]);
	printf("%d inputs\n", ran);
	return ran > 0 ? 0 : 1;
}
