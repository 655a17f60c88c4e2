/* crash_point: dies on purpose, for the tests of what a crash leaves behind. In builds without VERIFYD_CRASH_POINTS (every
 * release) the macro is nothing and the names are in no program.
 *
 * VERIFYD_CRASH_AT=name:N[,name:N…] in the environment: SIGKILL at the N-th passing (from 1) of the point of that name;
 * `*` counts the passings of all points together. Names: crash_points.def; a name or number that is not understood ends the
 * program with status 2, so that a test cannot believe in a crash that never comes. */
#ifndef VERIFYD_CRASH_POINT_H
#define VERIFYD_CRASH_POINT_H

#ifdef VERIFYD_CRASH_POINTS
#define CRASH_POINT(name) crash_point(#name)

/* Reads the environment, and takes it away: it is no setting. Call once at start, before the settings are read. */
void crash_points_prepare(void);
/* Thread: any. */
void crash_point(const char *name);
#else
#define CRASH_POINT(name) ((void)0)
static inline void crash_points_prepare(void)
{
}
#endif

#endif
