/* sim_b2c: where the demo's sign-up ends: in place of B2C's authorize endpoint, a page that shows what it was given.
 * No vendor: nothing is counted or recorded. */
#ifndef SIM_B2C_H
#define SIM_B2C_H

#include "tests/sim/sim.h"

#define SIM_B2C_PREFIX "/b2c/"

void sim_b2c_handle(const struct sim_request *request, struct sim_reply *reply);

#endif
