/* ctl_status: the screen of `verifyctl status`; what it shows is common/adapters/status.h. */
#ifndef VERIFYD_CTL_STATUS_H
#define VERIFYD_CTL_STATUS_H

#include "common/adapters/status.h"

/* For a person. colours: with the terminal's. Returns: ERR_OK; ERR_LIMIT; ERR_NO_MEMORY. */
enum err_code status_print(const struct status_picture *picture, bool colours, struct buf *out) WARN_UNUSED;

#endif
