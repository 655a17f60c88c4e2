/* ui_files: a folder, read once. */
#include "ingress/ui_files.h"
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ui_files {
	size_t count;
	struct ui_file list[UI_MAX_FILES];
};

static const char *type_of(const char *name)
{
	static const struct {
		const char *end, *type;
	} types[] = {
	        {".html", "text/html; charset=utf-8"},
	        {".css", "text/css; charset=utf-8"},
	        {".js", "text/javascript; charset=utf-8"},
	        {".svg", "image/svg+xml"},
	        {".png", "image/png"},
	        {".jpg", "image/jpeg"},
	        {".ico", "image/x-icon"},
	        {".woff2", "font/woff2"},
	};
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t end_len = strlen(types[i].end);
		if (len > end_len && strcmp(name + len - end_len, types[i].end) == 0)
			return types[i].type;
	}
	return NULL;
}

static bool is_served(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	return name[0] != '.' && strlen(name) < UI_NAME_BYTES && name[strspn(name, allowed)] == '\0' && type_of(name);
}

static bool set_etag(struct ui_file *file)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	if (EVP_Digest(file->data, file->len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	file->etag[0] = '"';
	for (size_t i = 0; i < (UI_ETAG_BYTES - 3) / 2; i++)
		snprintf(file->etag + 1 + 2 * i, 3, "%02x", digest[i]);
	memcpy(file->etag + UI_ETAG_BYTES - 2, "\"", 2);
	return true;
}

/* Returns: how many bytes; -1 when it cannot be read, or is longer than max. */
static ssize_t read_all(int fd, char *data, size_t max)
{
	size_t len = 0;
	for (;;) {
		ssize_t got = read(fd, data + len, max + 1 - len);
		if (got <= 0)
			return got < 0 ? -1 : (ssize_t)len;
		len += (size_t)got;
		if (len > max)
			return -1;
	}
}

/* What is wrong with it; NULL: it was added, or is none to be served. */
static const char *add(struct ui_files *files, int folder, const char *name)
{
	struct stat about;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &about) != 0 || (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))) {
		if (fd >= 0)
			close(fd);
		return "cannot be read";
	}
	if (S_ISDIR(about.st_mode)) {
		close(fd);
		return NULL;
	}
	struct ui_file *file = &files->list[files->count];
	char *data = malloc(UI_FILE_MAX_BYTES + 1);
	ssize_t len = data && files->count < UI_MAX_FILES ? read_all(fd, data, UI_FILE_MAX_BYTES) : -1;
	close(fd);
	if (len < 0) {
		free(data);
		return files->count < UI_MAX_FILES ? "cannot be read, or is larger than 64 KiB"
		                                   : "is one file too many";
	}
	*file = (struct ui_file){.content_type = type_of(name), .data = data, .len = (size_t)len};
	memcpy(file->name, name, strlen(name) + 1); /* is_served: it fits */
	if (!set_etag(file)) {
		free(data);
		return "cannot be hashed";
	}
	files->count++;
	return NULL;
}

static int add_all(struct ui_files *files, DIR *dir, FILE *complaints)
{
	int mistakes = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *broken = is_served(entry->d_name) ? add(files, dirfd(dir), entry->d_name) : NULL;
		if (!broken)
			continue;
		mistakes++;
		if (complaints)
			fprintf(complaints, "VERIFYD_UI_DIR: %s %s\n", entry->d_name, broken);
	}
	if (files->count > 0 || mistakes > 0)
		return mistakes;
	if (complaints)
		fputs("VERIFYD_UI_DIR: holds no file to serve\n", complaints);
	return 1;
}

enum err_code ui_files_new(const char *folder, FILE *complaints, struct ui_files **ret_files, int *ret_mistakes)
{
	struct ui_files *files = calloc(1, sizeof *files);
	if (!files)
		return ERR_NO_MEMORY;
	DIR *dir = opendir(folder);
	int mistakes = dir ? add_all(files, dir, complaints) : 1;
	if (!dir && complaints)
		fputs("VERIFYD_UI_DIR: is no folder that can be read\n", complaints);
	if (dir)
		closedir(dir);
	if (mistakes == 0) {
		*ret_files = files;
		return ERR_OK;
	}
	ui_files_free(files);
	*ret_mistakes = mistakes;
	return ERR_INVALID;
}

void ui_files_free(struct ui_files *files)
{
	for (size_t i = 0; files && i < files->count; i++)
		free(files->list[i].data);
	free(files);
}

const struct ui_file *ui_files_find(const struct ui_files *files, const char *name)
{
	for (size_t i = 0; files && i < files->count; i++)
		if (strcmp(files->list[i].name, name) == 0)
			return &files->list[i];
	return NULL;
}
