/* ui_files: the files that /ui/NAME serves to browsers: pages of the B2C policies (deploy/b2c/ui), a logo. Read from one
 * folder at start, so that nothing of a request ever becomes a path. Read-only after it was made; thread: any. */
#ifndef VERIFYD_UI_FILES_H
#define VERIFYD_UI_FILES_H

#include "common/base/err.h"
#include <stdio.h>

enum {
	UI_MAX_FILES = 64,
	UI_FILE_MAX_BYTES = 64 * 1024,
	UI_NAME_BYTES = 64,
	UI_ETAG_BYTES = 35, /* 16 bytes of SHA-256 in hexadecimal, with its quotation marks */
};

struct ui_file {
	char name[UI_NAME_BYTES]; /* letters, digits, . - _ */
	const char *content_type;
	char etag[UI_ETAG_BYTES];
	char *data;
	size_t len;
};

struct ui_files;

/* Reads the files of a folder whose names end as the table in ui_files.c has it (.html, .css, .js, .svg, …); folders and other
 * files in it are left out. Every mistake is one line in complaints: no such folder, no file to serve, one that is too large
 * or cannot be read, too many. Blocks: for the disk.
 * Returns: ERR_OK, *ret_files ended by ui_files_free; ERR_INVALID (*ret_mistakes counts); ERR_NO_MEMORY. */
enum err_code ui_files_new(const char *folder, FILE *complaints, struct ui_files **ret_files,
                           int *ret_mistakes) WARN_UNUSED;
void ui_files_free(struct ui_files *files); /* accepts NULL */

/* Returns: the file of exactly that name; NULL when there is none, or files is NULL. */
const struct ui_file *ui_files_find(const struct ui_files *files, const char *name);

#endif
