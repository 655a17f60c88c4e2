/* sim_control: what tests ask of the simulator itself, under /control. Such calls are neither counted nor recorded. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "tests/sim/sim.h"

/* Decides the reply to a request that is no vendor's; 404 when it is not the simulator's either. Thread: any. */
void sim_control_handle(struct sim *sim, const struct sim_request *request, struct sim_reply *reply);

#endif
