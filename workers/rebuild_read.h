/* rebuild_read: the thread of the rebuild (librdkafka blocks): reads `results` and then the requests, and hands over the states
 * that Redis should hold, in batches. What is not final yet is kept back until it is, or until everything was read: of a
 * journey's many states Redis gets the last one, and nobody sees the others meanwhile. */
#ifndef VERIFYD_REBUILD_READ_H
#define VERIFYD_REBUILD_READ_H

#include "workers/ports.h"
#include "workers/restore.h"

struct rebuild_reader;

enum {
	READ_MAX_BATCHES = 32,                  /* read ahead */
	READ_MAX_KEPT = 32 * 1024,              /* states kept back; beyond it the oldest go first */
	READ_MAX_KEPT_BYTES = 32 * 1024 * 1024, /* of their texts */
	READ_TIMEOUT_MS = 30 * 60 * 1000,       /* a topic */
};

/* States in the order in which they are to be written. Owned by whoever took it; ended by rebuild_batch_free. */
struct rebuild_batch;
size_t rebuild_batch_states(const struct rebuild_batch *batch, const struct restore *ret_states[RESTORE_MAX]);
void rebuild_batch_free(struct rebuild_batch *batch); /* accepts NULL */

/* on_batches: there is something to take. on_end: the thread has ended; whole: it read everything. Both in the loop.
 * Returns: ERR_OK; ERR_NO_MEMORY. ports must outlive it. */
enum err_code rebuild_reader_new(const struct ports *ports, void (*on_batches)(void *ctx),
                                 void (*on_end)(void *ctx, bool whole), void *ctx, struct rebuild_reader **ret_reader,
                                 struct err *err) WARN_UNUSED;

/* Starts the thread; it must not run. on: only what came since the last time it read everything. Returns: ERR_OK; ERR_IO. */
enum err_code rebuild_reader_begin(struct rebuild_reader *reader, bool on) WARN_UNUSED;

/* Returns: the next batch, or NULL: there is none now. */
struct rebuild_batch *rebuild_reader_take(struct rebuild_reader *reader);

/* Offsets read, and to be read as far as is known, since it was begun from the start. */
void rebuild_reader_progress(struct rebuild_reader *reader, int64_t *ret_done, int64_t *ret_todo);

/* Tells the thread to end soon; on_end comes. What was read and not taken is dropped. */
void rebuild_reader_stop(struct rebuild_reader *reader);

/* Stops it and closes its handles; no callback comes any more. Freed when the loop has ended. Accept NULL. */
void rebuild_reader_close(struct rebuild_reader *reader);
void rebuild_reader_free(struct rebuild_reader *reader);

#endif
