/* connections: a fixed array of places, so that a place can be looked at without asking whether it is still there; what
 * changes with every request is atomic, who uses a place is under the lock. The lock is held for a part of the array at
 * a time: nobody waits long for it. */
#include "ingress/connections.h"
#include "common/base/clock.h"
#include "ingress/tally.h"
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PART = 256, /* places looked at under one lock */
	FREE = -1,
	PRESSURE_DIVISOR = 10,
};

struct connection {
	int fd; /* FREE: this place is */
	struct connection *next_free;
	struct tally_entry *address;
	atomic_int stage;
	atomic_llong since_ms; /* monotonic */
	atomic_bool left, ended;
};

enum ending { ENDED_ADDRESS = CONNECTION_STAGE_COUNT, ENDED_FULL, ENDING_COUNT };

struct connections {
	struct connections_options options;
	pthread_mutex_t lock;
	pthread_cond_t stop_bell;
	bool stopping;
	pthread_t thread;
	struct connection *places, *free;
	size_t unused; /* from this place on none was used yet */
	atomic_size_t count;
	struct tally *addresses;
	struct metric *open, *left, *ended[ENDING_COUNT];
};

/* ---- the look ---- */

/* Under the lock: nobody else gets this descriptor before connections_closed, which waits for us. */
static void end(struct connections *connections, struct connection *connection, int why)
{
	metric_add(connections->ended[why], 1);
	atomic_store(&connection->ended, true);
	(void)shutdown(connection->fd, SHUT_RDWR);
}

static void look_at_time(struct connections *connections, struct connection *connection, bool pressure, int64_t now)
{
	int stage = atomic_load(&connection->stage);
	int64_t since = atomic_load(&connection->since_ms), time = connections->options.time_ms[stage];
	if (pressure && (stage == CONNECTION_IDLE || stage == CONNECTION_HEADERS || stage == CONNECTION_LEAVING))
		time /= PRESSURE_DIVISOR;
	if (time && now - since >= time && !atomic_load(&connection->ended))
		end(connections, connection, stage);
}

/* A caller that says it will send no more counts as gone: it gets what is known, should it still listen. */
static void look_who_left(struct connections *connections, struct pollfd *held, struct connection *const *whose,
                          size_t count)
{
	if (count == 0 || poll(held, count, 0) <= 0)
		return;
	for (size_t i = 0; i < count; i++)
		if (held[i].revents && !atomic_exchange(&whose[i]->left, true))
			metric_add(connections->left, 1);
}

static void look_at_part(struct connections *connections, size_t from, size_t to, int64_t now)
{
	struct pollfd held[PART];
	struct connection *whose[PART];
	size_t count = 0;
	bool pressure = atomic_load(&connections->count) * 8 > connections->options.limit * 7;
	for (size_t i = from; i < to; i++) {
		struct connection *connection = &connections->places[i];
		if (connection->fd == FREE)
			continue;
		look_at_time(connections, connection, pressure, now);
		if (atomic_load(&connection->stage) != CONNECTION_HELD || atomic_load(&connection->left))
			continue;
		held[count] = (struct pollfd){.fd = connection->fd, .events = POLLRDHUP};
		whose[count++] = connection;
	}
	look_who_left(connections, held, whose, count);
}

/* Calls look for all places that were ever used, with the lock held. */
static void look_at_all(struct connections *connections)
{
	int64_t now = clock_mono_ms();
	for (size_t from = 0; from < connections->unused; from += PART) {
		size_t to = from + PART < connections->unused ? from + PART : connections->unused;
		look_at_part(connections, from, to, now);
		pthread_mutex_unlock(&connections->lock);
		pthread_mutex_lock(&connections->lock);
	}
	metric_set(connections->open, (int64_t)atomic_load(&connections->count));
}

static void *run(void *ctx)
{
	struct connections *connections = ctx;
	pthread_mutex_lock(&connections->lock);
	while (!connections->stopping) {
		struct timespec until;
		(void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail for this clock */
		until.tv_nsec += CONNECTIONS_LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		(void)pthread_cond_timedwait(&connections->stop_bell, &connections->lock, &until);
		look_at_all(connections);
	}
	pthread_mutex_unlock(&connections->lock);
	return NULL;
}

/* ---- coming and going ---- */

static struct connection *take_place(struct connections *connections)
{
	struct connection *place = connections->free;
	if (place)
		connections->free = place->next_free;
	else if (connections->unused < connections->options.capacity)
		place = &connections->places[connections->unused++];
	return place;
}

/* The bytes by which an address counts. Returns: how many; 0: it does not count. */
static size_t address_key(const struct sockaddr *peer, const unsigned char **ret_key)
{
	enum { V6_NETWORK_BYTES = 8, V4_BYTES = 4, V4_MAPPED_AT = 12 };
	if (peer->sa_family == AF_INET) {
		*ret_key = (const unsigned char *)&((const struct sockaddr_in *)(const void *)peer)->sin_addr;
		return V4_BYTES;
	}
	if (peer->sa_family != AF_INET6)
		return 0;
	const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	bool mapped = IN6_IS_ADDR_V4MAPPED(address);
	*ret_key = address->s6_addr + (mapped ? V4_MAPPED_AT : 0);
	return mapped ? V4_BYTES : V6_NETWORK_BYTES;
}

/* Returns: false when this address has as many as it may. */
static bool count_address(struct connections *connections, const struct sockaddr *peer, struct tally_entry **ret_entry)
{
	const struct connections_options *options = &connections->options;
	const unsigned char *key;
	*ret_entry = NULL;
	if (options->per_address == 0 || !peer || cidr_list_has(options->proxies, peer))
		return true;
	size_t len = address_key(peer, &key);
	return len == 0 || tally_take(connections->addresses, key, len, options->per_address, ret_entry);
}

struct connection *connections_opened(struct connections *connections, int fd, const struct sockaddr *peer)
{
	struct tally_entry *address;
	bool good = count_address(connections, peer, &address);
	pthread_mutex_lock(&connections->lock);
	struct connection *place = take_place(connections);
	if (place) {
		atomic_fetch_add(&connections->count, 1);
		place->fd = fd;
		place->address = address;
		atomic_store(&place->left, false);
		atomic_store(&place->ended, false);
		atomic_store(&place->since_ms, clock_mono_ms());
		atomic_store(&place->stage, CONNECTION_HEADERS);
		if (!good)
			end(connections, place, ENDED_ADDRESS);
	}
	pthread_mutex_unlock(&connections->lock);
	if (!place) {
		tally_give(connections->addresses, address);
		metric_add(connections->ended[ENDED_FULL], 1);
		(void)shutdown(fd, SHUT_RDWR);
	}
	return place;
}

void connections_closed(struct connections *connections, struct connection *connection)
{
	if (!connection)
		return;
	tally_give(connections->addresses, connection->address);
	pthread_mutex_lock(&connections->lock);
	connection->fd = FREE;
	connection->next_free = connections->free;
	connections->free = connection;
	pthread_mutex_unlock(&connections->lock);
	atomic_fetch_sub(&connections->count, 1);
}

void connection_enter(struct connection *connection, enum connection_stage stage, int64_t now_ms)
{
	if (atomic_load_explicit(&connection->stage, memory_order_relaxed) == (int)stage)
		return;
	if (stage == CONNECTION_HELD)
		atomic_store_explicit(&connection->left, false, memory_order_relaxed);
	atomic_store_explicit(&connection->since_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&connection->stage, (int)stage, memory_order_release);
}

bool connection_is_ended(const struct connection *connection)
{
	return atomic_load_explicit(&connection->ended, memory_order_relaxed);
}

const atomic_bool *connection_left(const struct connection *connection)
{
	return &connection->left;
}

bool connections_are_too_many(const struct connections *connections)
{
	return atomic_load_explicit(&connections->count, memory_order_relaxed) > connections->options.limit;
}

bool connections_are_busy(struct connections *connections)
{
	bool busy = false;
	pthread_mutex_lock(&connections->lock);
	for (size_t i = 0; i < connections->unused && !busy; i++) {
		const struct connection *connection = &connections->places[i];
		int stage = atomic_load(&connection->stage);
		busy = connection->fd != FREE && (stage == CONNECTION_HELD || stage == CONNECTION_ANSWER);
	}
	pthread_mutex_unlock(&connections->lock);
	return busy;
}

/* ---- life ---- */

static void make_metrics(struct connections *connections)
{
	static const char *const why[ENDING_COUNT] = {
	        [CONNECTION_IDLE] = "idle",     [CONNECTION_HEADERS] = "headers",
	        [CONNECTION_BODY] = "body",     [CONNECTION_HELD] = "held",
	        [CONNECTION_ANSWER] = "answer", [CONNECTION_LEAVING] = "leaving",
	        [ENDED_ADDRESS] = "address",    [ENDED_FULL] = "full",
	};
	struct metrics *metrics = connections->options.metrics;
	connections->open = metrics_gauge(metrics, "verifyd_connections", "", "open connections");
	connections->left = metrics_counter(metrics, "verifyd_callers_left", "", "held calls whose caller left");
	for (int i = 0; i < ENDING_COUNT; i++) {
		char label[32];
		snprintf(label, sizeof label, "why=\"%s\"", why[i]);
		if (i != CONNECTION_HELD)
			connections->ended[i] =
			        metrics_counter(metrics, "verifyd_connections_ended", label,
			                        "connections that were cut off, by what took too long or was too many");
	}
}

enum err_code connections_new(const struct connections_options *options, struct connections **ret_connections)
{
	pthread_condattr_t monotonic;
	struct connections *connections = calloc(1, sizeof *connections);
	if (!connections)
		return ERR_NO_MEMORY;
	assert(options->capacity >= options->limit && options->time_ms[CONNECTION_HELD] == 0);
	connections->options = *options;
	pthread_mutex_init(&connections->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&connections->stop_bell, &monotonic);
	pthread_condattr_destroy(&monotonic);
	make_metrics(connections);
	connections->places = calloc(options->capacity, sizeof *connections->places);
	if (connections->places && tally_new(options->capacity, &connections->addresses) == ERR_OK &&
	    pthread_create(&connections->thread, NULL, run, connections) == 0) {
		*ret_connections = connections;
		return ERR_OK;
	}
	tally_free(connections->addresses);
	free(connections->places);
	free(connections);
	return ERR_NO_MEMORY;
}

void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	pthread_mutex_lock(&connections->lock);
	connections->stopping = true;
	pthread_cond_signal(&connections->stop_bell);
	pthread_mutex_unlock(&connections->lock);
	pthread_join(connections->thread, NULL);
	assert(atomic_load(&connections->count) == 0);
	tally_free(connections->addresses);
	pthread_cond_destroy(&connections->stop_bell);
	pthread_mutex_destroy(&connections->lock);
	free(connections->places);
	free(connections);
}
