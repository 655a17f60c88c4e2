/* ui_files: what of a folder is served, what is left out, and what of it keeps a service from starting. */
#include "ingress/ui_files.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/verifyd-ui-XXXXXX";
static char made[UI_MAX_FILES + 8][UI_NAME_BYTES + 16];
static size_t made_count;

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/verifyd-ui-XXXXXX");
	made_count = 0;
	return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int remove_folder(void **state)
{
	(void)state;
	while (made_count > 0)
		(void)remove(path_of(made[--made_count]));
	return rmdir(folder);
}

static void note(const char *name)
{
	(void)snprintf(made[made_count++], sizeof made[0], "%s", name);
}

/* A file of so many bytes. */
static void make(const char *name, size_t len)
{
	FILE *file = fopen(path_of(name), "w");
	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		assert_int_not_equal(fputc('a', file), EOF);
	assert_int_equal(fclose(file), 0);
	note(name);
}

/* Returns: how many mistakes; 0: *ret_files is to be freed. */
static int mistakes_of(const char *path, struct ui_files **ret_files, char **ret_complaints)
{
	size_t len;
	int mistakes = 0;
	FILE *complaints = open_memstream(ret_complaints, &len);
	assert_non_null(complaints);
	enum err_code code = ui_files_new(path, complaints, ret_files, &mistakes);
	assert_int_equal(fclose(complaints), 0);
	assert_int_equal(code, mistakes == 0 ? ERR_OK : ERR_INVALID);
	return mistakes;
}

static void files_are_found_by_exactly_their_names_with_type_and_tag(void **state)
{
	struct ui_files *files;
	char *complaints;
	(void)state;
	make("page.html", 5);
	make("same.css", 5);
	make("other.js", 6);
	make("empty.svg", 0);
	assert_int_equal(mistakes_of(folder, &files, &complaints), 0);
	const struct ui_file *page = ui_files_find(files, "page.html");
	assert_non_null(page);
	assert_string_equal(page->content_type, "text/html; charset=utf-8");
	assert_int_equal(page->len, 5);
	assert_memory_equal(page->data, "aaaaa", 5);
	assert_string_equal(page->etag, "\"ed968e840d10d2d313a870bc131a4e2c\""); /* printf aaaaa | sha256sum */
	assert_string_equal(ui_files_find(files, "same.css")->etag, page->etag);
	assert_string_not_equal(ui_files_find(files, "other.js")->etag, page->etag);
	assert_int_equal(ui_files_find(files, "empty.svg")->len, 0);
	static const char *const unknown[] = {"Page.html", "page", "", "../page.html", "./page.html", "page.html/"};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_null(ui_files_find(files, unknown[i]));
	assert_null(ui_files_find(NULL, "page.html"));
	ui_files_free(files);
	free(complaints);
}

static void other_names_and_folders_are_left_out(void **state)
{
	struct ui_files *files;
	char *complaints;
	(void)state;
	make("a.html", 1);
	make(".hidden.html", 1);
	make("README.md", 1);
	make("a b.html", 1);
	make(".html", 1);
	make("csp.txt", 1);
	assert_int_equal(mkdir(path_of("folder.html"), 0700), 0);
	note("folder.html");
	assert_int_equal(mistakes_of(folder, &files, &complaints), 0);
	for (size_t i = 1; i < made_count; i++)
		assert_null(ui_files_find(files, made[i]));
	assert_non_null(ui_files_find(files, "a.html"));
	ui_files_free(files);
	free(complaints);
}

static void what_cannot_be_served_is_a_mistake_each(void **state)
{
	struct ui_files *files;
	char *complaints;
	(void)state;
	assert_int_equal(mistakes_of(path_of("nowhere"), &files, &complaints), 1);
	assert_non_null(strstr(complaints, "VERIFYD_UI_DIR: is no folder"));
	free(complaints);
	assert_int_equal(mistakes_of(folder, &files, &complaints), 1);
	assert_non_null(strstr(complaints, "VERIFYD_UI_DIR: holds no file"));
	free(complaints);
	make("whole.html", UI_FILE_MAX_BYTES);
	assert_int_equal(mistakes_of(folder, &files, &complaints), 0);
	ui_files_free(files);
	free(complaints);
	make("large.html", UI_FILE_MAX_BYTES + 1);
	assert_int_equal(symlink("nowhere", path_of("broken.css")), 0);
	note("broken.css");
	assert_int_equal(mkfifo(path_of("pipe.js"), 0600), 0);
	note("pipe.js");
	assert_int_equal(mistakes_of(folder, &files, &complaints), 3);
	assert_non_null(strstr(complaints, "large.html cannot be read, or is larger than 64 KiB"));
	assert_non_null(strstr(complaints, "broken.css cannot be read"));
	assert_non_null(strstr(complaints, "pipe.js cannot be read"));
	free(complaints);
}

static void one_file_more_than_the_limit_is_a_mistake(void **state)
{
	struct ui_files *files;
	char *complaints, name[UI_NAME_BYTES];
	(void)state;
	for (int i = 0; i < UI_MAX_FILES; i++) {
		(void)snprintf(name, sizeof name, "f%d.html", i);
		make(name, 1);
	}
	assert_int_equal(mistakes_of(folder, &files, &complaints), 0);
	ui_files_free(files);
	free(complaints);
	make("more.html", 1);
	assert_int_equal(mistakes_of(folder, &files, &complaints), 1);
	assert_non_null(strstr(complaints, "is one file too many"));
	free(complaints);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
	        TEST(files_are_found_by_exactly_their_names_with_type_and_tag),
	        TEST(other_names_and_folders_are_left_out),
	        TEST(what_cannot_be_served_is_a_mistake_each),
	        TEST(one_file_more_than_the_limit_is_a_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
