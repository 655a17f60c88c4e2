/* sim_biocatch: the stand-in for BioCatch's score API. Its markers: README.md, section "BioCatch". */
#ifndef SIM_BIOCATCH_H
#define SIM_BIOCATCH_H

#include "tests/sim/sim.h"

extern const struct sim_vendor sim_vendor_biocatch;

#endif
