/* sim_listen: a listening TCP socket from "HOST:PORT" or "[V6]:PORT". */
#ifndef SIM_LISTEN_H
#define SIM_LISTEN_H

#include "common/base/err.h"

enum { SIM_ADDRESS_BYTES = 320 };

/* Port 0: any free one. Returns: ERR_OK, *ret_fd (the caller closes it) and where it listens, as text;
 * ERR_INVALID (no such form); ERR_IO (unknown host, or the address is in use or not ours). */
enum err_code sim_listen_open(const char *listen_text, int *ret_fd, char ret_address[SIM_ADDRESS_BYTES],
                              struct err *err) WARN_UNUSED;

#endif
