/* world_queue: what world.c shares with the pods' burial: a pod's own events are taken out of the queue. */
#ifndef VERIFYD_ENGINE_WORLD_QUEUE_H
#define VERIFYD_ENGINE_WORLD_QUEUE_H

#include "tests/unit/engine/world.h"

/* Runs the close callbacks that wait for this pod, and those that they bring about; forgets its other events. */
void queue_bury(struct pod *pod);

#endif
