/* redis_url: redis://[user:password@]host:port[/db] taken apart. rediss:// (TLS) needs hiredis 1.0 or newer. */
#ifndef VERIFYD_REDIS_URL_H
#define VERIFYD_REDIS_URL_H

#include "common/base/err.h"
#include <stdbool.h>

struct redis_url {
	char host[256];
	int port; /* 6379 when the URL names none */
	char user[128];
	char password[512]; /* "" when there is none */
	int db;
};

/* Percent-encoding is undone in user and password. Returns: ERR_OK; ERR_INVALID (msg holds nothing of the URL but its
 * scheme). */
enum err_code redis_url_parse(const char *text, struct redis_url *ret_url, struct err *err) WARN_UNUSED;
void redis_url_fini(struct redis_url *url); /* overwrites the password */

#endif
