/* rebuild: looks whether Redis is the one that was filled, takes the right to fill it, and writes what the reader
 * (rebuild_read) hands over. */
#include "workers/rebuild.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/log.h"
#include "workers/lost_rung.h"
#include "workers/rebuild_read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 128, PROGRESS_MAX_BYTES = 1024 };

struct rebuild {
	struct ports ports;
	struct rebuild_reader *reader;
	uv_timer_t timer;
	char token[TOKEN_BYTES];
	char name[NAME_BYTES];
	bool asking;  /* a question about the epoch or the right is on its way */
	bool filling; /* the reader runs, or what it read is being written */
	bool reading; /* the reader runs */
	bool whole, closing, failed;
	size_t writing;                      /* batches on their way */
	int64_t began_ms, restored, written; /* clock_mono_ms; states handed to Redis; those that it lacked */
	int64_t rungs;                       /* of ladders that had lost theirs */
	struct metric *gauge, *losses;
};

/* ---- for who watches ---- */

static void tell(struct rebuild *rebuild, const char *phase)
{
	struct buf text;
	struct json_out json;
	int64_t done, todo, now = clock_unix_ms(), took = clock_mono_ms() - rebuild->began_ms;
	rebuild_reader_progress(rebuild->reader, &done, &todo);
	buf_init(&text, PROGRESS_MAX_BYTES);
	json_out_begin(&json, &text);
	json_out_object(&json, NULL);
	json_out_str(&json, "by", rebuild->name);
	json_out_str(&json, "phase", phase);
	json_out_int(&json, "at_ms", now);
	json_out_int(&json, "began_ms", now - took);
	json_out_int(&json, "read", done);
	json_out_int(&json, "to_read", todo);
	json_out_int(&json, "states", rebuild->restored);
	json_out_int(&json, "written", rebuild->written);
	json_out_object_end(&json);
	if (json_out_end(&json) == ERR_OK)
		redis_store_tell_rebuild(rebuild->ports.store, text.data);
	buf_fini(&text);
}

/* ---- filling ---- */

static void end_if_done(struct rebuild *rebuild);
static void write_batches(struct rebuild *rebuild);

static void give_up(struct rebuild *rebuild)
{
	rebuild->failed = true;
	rebuild_reader_stop(rebuild->reader);
}

static void on_written(void *ctx, enum err_code code, size_t written)
{
	struct rebuild *rebuild = ctx;
	rebuild->writing--;
	rebuild->written += (int64_t)written;
	if (code != ERR_OK)
		give_up(rebuild);
	write_batches(rebuild);
	end_if_done(rebuild);
}

static void send_lost_rungs(struct rebuild *rebuild, const struct restore *const *states, size_t count)
{
	int64_t now = clock_unix_ms();
	for (size_t i = 0; i < count; i++)
		rebuild->rungs += lost_rung_send(rebuild->ports.producer, states[i], now);
}

/* Nobody is woken: who waits looks by himself four times a second, and hears nothing of all the others. */
static void write_batches(struct rebuild *rebuild)
{
	const struct restore *states[RESTORE_MAX];
	struct rebuild_batch *batch = NULL;
	while (!rebuild->closing && rebuild->writing < REBUILD_MAX_BATCHES &&
	       (batch = rebuild_reader_take(rebuild->reader))) {
		size_t count = rebuild_batch_states(batch, states);
		rebuild->restored += (int64_t)count;
		send_lost_rungs(rebuild, states, count);
		if (!rebuild->failed &&
		    restore_write(rebuild->ports.store, states, count, false, on_written, rebuild) == ERR_OK)
			rebuild->writing++;
		else
			give_up(rebuild);
		rebuild_batch_free(batch);
	}
}

static void on_batches(void *ctx)
{
	write_batches(ctx);
}

static void read_on(struct rebuild *rebuild, bool on)
{
	rebuild->reading = rebuild_reader_begin(rebuild->reader, on) == ERR_OK;
	rebuild->failed = !rebuild->reading;
}

static void on_epoch_set(void *ctx, enum err_code code, enum epoch_set set)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	if (code == ERR_OK && set == EPOCH_MISSED && !rebuild->closing) {
		log_info("cache_rebuild_goes_on", LOG_STR("why", "somebody could not write for a while"));
		read_on(rebuild, true);
		end_if_done(rebuild);
		return;
	}
	rebuild->filling = false;
	rebuild->whole = code == ERR_OK && set == EPOCH_SET;
	metric_set(rebuild->gauge, rebuild->whole);
	tell(rebuild, rebuild->whole ? "done" : "failed");
	log_info("cache_rebuilt", LOG_STR("whole", rebuild->whole ? "yes" : "no"), LOG_INT("states", rebuild->restored),
	         LOG_INT("lacked", rebuild->written), LOG_INT("rungs", rebuild->rungs),
	         LOG_INT("took_ms", clock_mono_ms() - rebuild->began_ms));
}

static void end_if_done(struct rebuild *rebuild)
{
	if (!rebuild->filling || rebuild->reading || rebuild->writing > 0 || rebuild->asking || rebuild->closing)
		return;
	if (rebuild->failed) {
		rebuild->filling = false; /* begun anew at the next look */
		tell(rebuild, "failed");
		return;
	}
	rebuild->asking = true;
	if (redis_store_set_epoch(rebuild->ports.store, rebuild->token, on_epoch_set, rebuild) != ERR_OK)
		on_epoch_set(rebuild, ERR_UNAVAILABLE, EPOCH_NOT_OURS);
}

static void on_read(void *ctx, bool whole)
{
	struct rebuild *rebuild = ctx;
	rebuild->reading = false;
	rebuild->failed = rebuild->failed || !whole;
	write_batches(rebuild);
	end_if_done(rebuild);
}

static void fill(struct rebuild *rebuild)
{
	rebuild->filling = true;
	rebuild->restored = rebuild->written = rebuild->rungs = 0;
	rebuild->began_ms = clock_mono_ms();
	log_info("cache_rebuilding", LOG_STR("why", "Redis is not the one that was filled"));
	read_on(rebuild, false);
	tell(rebuild, "reading");
}

static void on_right(void *ctx, enum err_code code, bool granted)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	bool ours = code == ERR_OK && granted;
	if (rebuild->closing)
		return;
	if (!rebuild->filling && ours) {
		fill(rebuild);
	} else if (rebuild->filling && !ours) { /* Redis went away or forgot again: what was written may be lost */
		give_up(rebuild);
	} else if (rebuild->filling) {
		tell(rebuild, "reading");
	}
	end_if_done(rebuild);
}

static void claim_right(struct rebuild *rebuild)
{
	rebuild->asking = true;
	if (redis_store_claim_rebuild(rebuild->ports.store, rebuild->token, REBUILD_RIGHT_MS, on_right, rebuild) !=
	    ERR_OK)
		on_right(rebuild, ERR_UNAVAILABLE, false);
}

static void on_epoch(void *ctx, enum err_code code, bool whole)
{
	struct rebuild *rebuild = ctx;
	rebuild->asking = false;
	if (code != ERR_OK || rebuild->closing)
		return;
	metric_add(rebuild->losses, rebuild->whole && !whole);
	rebuild->whole = whole;
	metric_set(rebuild->gauge, whole);
	if (!whole)
		claim_right(rebuild);
}

static void look(struct rebuild *rebuild)
{
	if (rebuild->asking || rebuild->closing || !redis_store_is_up(rebuild->ports.store))
		return;
	if (rebuild->filling) {
		claim_right(rebuild);
		return;
	}
	rebuild->asking = true;
	if (redis_store_check_epoch(rebuild->ports.store, on_epoch, rebuild) != ERR_OK)
		rebuild->asking = false;
}

static void on_tick(uv_timer_t *timer)
{
	look(timer->data);
}

/* ---- life ---- */

static void make_name(struct rebuild *rebuild)
{
	const char *instance = config_str(rebuild->ports.config, CONFIG_INSTANCE_ID);
	char host[NAME_BYTES / 2] = "";
	if (gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "host");
	if (instance)
		snprintf(rebuild->name, sizeof rebuild->name, "%s", instance);
	else
		snprintf(rebuild->name, sizeof rebuild->name, "%s-%d", host, (int)getpid());
}

enum err_code rebuild_new(const struct ports *ports, struct rebuild **ret_rebuild, struct err *err)
{
	struct rebuild *rebuild = calloc(1, sizeof *rebuild);
	if (!rebuild || id_token(rebuild->token) != ERR_OK) {
		free(rebuild);
		return err_set(err, ERR_NO_MEMORY, "rebuild");
	}
	rebuild->ports = *ports;
	enum err_code code = rebuild_reader_new(ports, on_batches, on_read, rebuild, &rebuild->reader, err);
	if (code != ERR_OK) {
		free(rebuild);
		return code;
	}
	make_name(rebuild);
	rebuild->gauge = metrics_gauge(ports->metrics, "verifyd_cache_whole", "",
	                               "1 while Redis is the one that was filled from results");
	rebuild->losses = metrics_counter(ports->metrics, "verifyd_cache_losses", "",
	                                  "times that Redis was found not to be whole any more");
	uv_timer_init(ports->loop, &rebuild->timer);
	rebuild->timer.data = rebuild;
	uv_timer_start(&rebuild->timer, on_tick, 1, REBUILD_LOOK_MS);
	*ret_rebuild = rebuild;
	return ERR_OK;
}

bool rebuild_is_whole(const struct rebuild *rebuild)
{
	return rebuild->whole;
}

void rebuild_close(struct rebuild *rebuild)
{
	if (!rebuild)
		return;
	rebuild->closing = true;
	rebuild_reader_close(rebuild->reader);
	uv_close((uv_handle_t *)&rebuild->timer, NULL);
}

void rebuild_free(struct rebuild *rebuild)
{
	if (!rebuild)
		return;
	rebuild_reader_free(rebuild->reader);
	free(rebuild);
}
