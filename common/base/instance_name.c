/* instance_name: the setting, or host-pid-chance: containers of one image may have the same host name and pid. */
#include "common/base/instance_name.h"
#include "common/base/ids.h"
#include <stdio.h>
#include <unistd.h>

enum { HOST_BYTES = 65, CHANCE_DIGITS = 6 };

enum err_code instance_name(const char *instance, char ret_name[INSTANCE_NAME_BYTES])
{
	char host[HOST_BYTES] = "", chance[TOKEN_BYTES];
	if (instance) {
		(void)snprintf(ret_name, INSTANCE_NAME_BYTES, "%s", instance);
		return ERR_OK;
	}
	enum err_code code = id_token(chance);
	if (code != ERR_OK)
		return code;
	if (gethostname(host, sizeof host - 1) != 0)
		(void)snprintf(host, sizeof host, "host");
	(void)snprintf(ret_name, INSTANCE_NAME_BYTES, "%s-%d-%.*s", host, (int)getpid(), CHANCE_DIGITS, chance);
	return ERR_OK;
}
