/* service_settings: settings that every service has and whose texts mean something beyond their type: VERIFYD_SEAL_KEYS and
 * VERIFYD_REDIS_URL. For checks at start, so that all mistakes are listed at once. */
#ifndef VERIFYD_SERVICE_SETTINGS_H
#define VERIFYD_SERVICE_SETTINGS_H

#include "common/base/config.h"
#include <stdio.h>

/* Writes one line for each mistake, as config_load's; a setting that is not set is config_load's to complain about.
 * Returns: how many. */
int service_settings_check(const struct config *config, FILE *complaints);

#endif
