/* sim_jumio: the stand-in for Jumio Netverify: its API, the page where a person hands in a document, its callbacks. Its
 * markers and control calls: README.md, section "Jumio". */
#ifndef SIM_JUMIO_H
#define SIM_JUMIO_H

#include "tests/sim/sim.h"

extern const struct sim_vendor sim_vendor_jumio;

#endif
