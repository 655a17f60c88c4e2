/* process: what every service asks of the operating system before it starts. */
#ifndef VERIFYD_PROCESS_H
#define VERIFYD_PROCESS_H

/* Raises the limit of open files to what is allowed, forbids core dumps (they would hold keys and people's data), ignores
 * SIGPIPE, seeds jansson's hash. Call once, before threads. What the system refuses is logged, not fatal. */
void process_prepare(void);

/* It is ending already: a second SIGTERM or SIGINT must not cut off what is still to be flushed. */
void process_ignore_stops(void);

#endif
