/* ctl_get: the part of `get` that tells a verification's story: what has happened, in the order in which it did. */
#ifndef VERIFYD_CTL_GET_H
#define VERIFYD_CTL_GET_H

#include "common/domain/verification.h"

/* What a state means for a person who reads it, in a few words. Returns: a constant text. */
const char *ctl_state_meaning(const struct verification *verification);

/* Prints a line for every moment that is known, the first one first, with the time that passed between two. */
void ctl_print_timeline(const struct verification *verification);

#endif
