/* redis_command: an array of bulk strings: "*<how many>", then of each "$<length>" and its bytes, all ended by CR LF.
 */
#include "common/adapters/redis_command.h"
#include "common/base/decimal.h"
#include <string.h>

enum { HEAD_BYTES = DECIMAL_BYTES + 5 };

/* The end of what stands before, and the length of what comes. */
static size_t write_length(char out[HEAD_BYTES], size_t len)
{
	memcpy(out, "\r\n$", 3);
	char *end = decimal_write((int64_t)len, out + 3);
	memcpy(end, "\r\n", 2);
	return (size_t)(end + 2 - out);
}

enum err_code redis_command_write(struct buf *out, int argc, const char *const *argv, const size_t *argv_len)
{
	char head[HEAD_BYTES] = "*";
	enum err_code code = buf_append(out, head, (size_t)(decimal_write(argc, head + 1) - head));
	for (int i = 0; i < argc && code == ERR_OK; i++) {
		size_t len = argv_len ? argv_len[i] : strlen(argv[i]);
		size_t head_len = write_length(head, len);
		char *at;
		code = buf_room(out, head_len + len, &at);
		if (code != ERR_OK)
			break;
		memcpy(at, head, head_len);
		memcpy(at + head_len, argv[i], len);
		buf_wrote(out, at + head_len + len);
	}
	return code == ERR_OK ? buf_append(out, "\r\n", 2) : code;
}
