/* ctl_policy: `policy render`: makes policies, says what to create and in which order to upload, and checks policies.
 */
#include "ctl/ctl_policy.h"
#include "ctl/ctl.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_END      ".xml"
#define TEMPORARY_END ".new"

/* Reads a whole file as text. Returns: CTL_OK; CTL_FAILED after a line on stderr. */
static int read_text(const char *path, size_t max_bytes, struct buf *out)
{
	char piece[4096];
	int status = CTL_OK;
	FILE *file = fopen(path, "re");
	buf_init(out, max_bytes);
	if (!file)
		return ctl_fail("%s cannot be read: %s", path, strerror(errno));
	for (size_t len; status == CTL_OK && (len = fread(piece, 1, sizeof piece, file)) > 0;) {
		enum err_code code = buf_append(out, piece, len);
		if (code != ERR_OK)
			status = ctl_fail("%s: %s", path, err_text(code));
	}
	if (status == CTL_OK && (ferror(file) || strlen(out->data) != out->len))
		status = ctl_fail("%s is no text file", path);
	(void)fclose(file);
	return status;
}

/* Writes beside it and renames, so that there is never half a policy. */
static int write_policy(int dir, const char *id, const struct buf *text)
{
	char name[POLICY_ID_BYTES + sizeof FILE_END], beside[sizeof name + sizeof TEMPORARY_END];
	(void)snprintf(name, sizeof name, "%s" FILE_END, id);
	(void)snprintf(beside, sizeof beside, "%s" TEMPORARY_END, name);
	int fd = openat(dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	                S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool written = file && fwrite(text->data, 1, text->len, file) == text->len && fflush(file) == 0;
	if (file)
		written = fclose(file) == 0 && written;
	else if (fd >= 0)
		(void)close(fd);
	if (written && renameat(dir, beside, dir, name) == 0)
		return CTL_OK;
	int status = ctl_fail("%s cannot be written: %s", name, strerror(errno));
	if (fd >= 0)
		(void)unlinkat(dir, beside, 0);
	return status;
}

static int render_part(const struct policy_settings *settings, const struct policy_part *part, int dir)
{
	char id[POLICY_ID_BYTES];
	struct buf text;
	struct err err = {ERR_OK, ""};
	buf_init(&text, POLICY_MAX_BYTES);
	policy_id(settings, part->part, id);
	enum err_code code = policy_render(settings, part, &text, &err);
	int status = code == ERR_OK ? write_policy(dir, id, &text)
	                            : ctl_fail("%s: %s", part->template, *err.msg ? err.msg : err_text(code));
	buf_fini(&text);
	return status;
}

static void print_next(const struct policy_settings *settings, const struct policy_part *const *parts, size_t count,
                       const char *out)
{
	char id[POLICY_ID_BYTES];
	(void)printf("Policy keys to create (Identity Experience Framework > Policy keys), and how their values are "
	             "made:\n");
	policy_print_keys(settings, stdout);
	(void)printf("\nUpload in this order, after %s:\n", settings->value[POLICY_BASE_POLICY]);
	for (size_t i = 0; i < count; i++) {
		policy_id(settings, parts[i]->part, id);
		(void)printf("  %zu. %s/%s" FILE_END "\n", i + 1, out, id);
	}
}

/* What lies there from another time would be uploaded, and checked, with the rest. */
static void warn_of_others(const struct policy_settings *settings, const struct policy_part *const *parts, size_t count,
                           const char *out)
{
	char name[POLICY_ID_BYTES + sizeof FILE_END];
	DIR *folder = opendir(out);
	for (const struct dirent *entry; folder && (entry = readdir(folder));) {
		size_t len = strlen(entry->d_name), end = strlen(FILE_END);
		bool ours = len <= end || strcmp(entry->d_name + len - end, FILE_END) != 0;
		for (size_t i = 0; i < count && !ours; i++) {
			policy_id(settings, parts[i]->part, name);
			ours = strlen(name) == len - end && strncmp(name, entry->d_name, len - end) == 0;
		}
		if (!ours)
			(void)fprintf(stderr, CTL_PROGRAM ": note: %s/%s is not of this set\n", out, entry->d_name);
	}
	if (folder)
		(void)closedir(folder);
}

static int render_all(const struct ctl_call *call, const struct policy_settings *settings)
{
	const struct policy_part *parts[POLICY_PARTS_MAX];
	size_t count = policy_parts(settings->value[POLICY_JOURNEYS], parts);
	int status = CTL_OK;
	if (mkdir(call->out, S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH) != 0 && errno != EEXIST)
		return ctl_fail("the folder cannot be made: %s", strerror(errno));
	int dir = open(call->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return ctl_fail("the folder cannot be used: %s", strerror(errno));
	for (size_t i = 0; i < count && status == CTL_OK; i++)
		status = render_part(settings, parts[i], dir);
	(void)close(dir);
	if (status == CTL_OK) {
		print_next(settings, parts, count, call->out);
		warn_of_others(settings, parts, count, call->out);
	}
	return status;
}

static int render(const struct ctl_call *call)
{
	bool loopback = call->given & CTL_FLAG_LOOPBACK_HTTP;
	struct policy_settings settings;
	struct buf text;
	int status = read_text(call->settings, POLICY_SETTINGS_MAX_BYTES, &text);
	if (status == CTL_OK && policy_settings_read(text.data, loopback, stderr, &settings) != ERR_OK)
		status = ctl_refuse("%s: not usable", call->settings);
	if (status == CTL_OK)
		status = render_all(call, &settings);
	buf_fini(&text);
	return status;
}

/* Checks --check's folder; or what was just made, and then that folder is what it builds on, unless it is the same. */
static int check(const struct ctl_call *call)
{
	const struct policy_check_options options = {
	        .loopback_http = call->given & CTL_FLAG_LOOPBACK_HTTP, .schema = call->schema, .complaints = stderr};
	struct policy_check *check = NULL;
	struct err err = {ERR_OK, ""};
	size_t mistakes = 0, policies = 0;
	enum err_code code = policy_check_new(&options, &check);
	if (code == ERR_OK && call->out)
		code = policy_check_add(check, call->out, false, &err);
	if (code == ERR_OK)
		code = policy_check_add(check, call->check, call->out != NULL, &err);
	if (code == ERR_OK && call->base)
		code = policy_check_add(check, call->base, true, &err);
	if (code == ERR_OK)
		mistakes = policy_check_run(check, &policies);
	policy_check_free(check);
	if (code != ERR_OK)
		return ctl_fail("%s", *err.msg ? err.msg : err_text(code));
	if (mistakes > 0)
		return ctl_fail("%zu mistakes in %zu policies", mistakes, policies);
	(void)printf("%schecked: %zu policies, no mistake\n", call->out ? "\n" : "", policies);
	return CTL_OK;
}

int ctl_policy_render(const struct ctl_call *call)
{
	bool renders = call->settings || call->out;
	if (!renders && !call->check)
		return ctl_refuse("policy render: needs --settings FILE and --out DIR, or --check DIR");
	if (renders && !(call->settings && call->out))
		return ctl_refuse("policy render: --settings FILE and --out DIR go together");
	if ((call->base || call->schema) && !call->check)
		return ctl_refuse("policy render: --base and --schema are for --check DIR");
	int status = renders ? render(call) : CTL_OK;
	return status == CTL_OK && call->check ? check(call) : status;
}
