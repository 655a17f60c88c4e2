/* A vendor that breaks off at any byte of the request or of the answer. It is a thread that serves one connection after
 * the other. A plan says what it does with one request; every other one it answers. cmocka.h and its own headers come
 * before this one. */
#ifndef VERIFYD_TEST_HTTP_BREAKING_H
#define VERIFYD_TEST_HTTP_BREAKING_H

#include "loopback.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALL = 1 << 20, REQUEST_BYTES = 4096 };

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define BODY    "{\"score\":123456}"

static const char length_answer[] = OK_HEAD "Content-Length: 16\r\n\r\n" BODY;
static const char chunked_answer[] =
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"score\r\n9\r\n\":123456}\r\n0\r\n\r\n";
static const char closing_answer[] = OK_HEAD "Connection: close\r\nContent-Length: 16\r\n\r\n" BODY;

struct plan {
	int nth;           /* request of its connection that it is about; 0: no plan */
	int request_bytes; /* of it are read, then it breaks off; ALL: goes on */
	int answer_bytes;  /* of the answer are sent, then it breaks off */
	bool reset;        /* with RST instead of FIN */
	const char *answer;
};

struct stand_in {
	pthread_t thread;
	int listener, port;
	pthread_mutex_t lock; /* over the plan */
	struct plan plan;
	atomic_int victims;           /* how often the request for /victim began to arrive */
	atomic_int accepted, dropped; /* connections */
	atomic_bool ends;
};

/* Reads up to `most` bytes, or to the end of a request. */
static void take_request(int fd, char in[REQUEST_BYTES], int most)
{
	int len = 0;

	in[0] = '\0';
	while (len < most && len < REQUEST_BYTES - 1) {
		int room = REQUEST_BYTES - 1 < most ? REQUEST_BYTES - 1 : most;
		ssize_t got = recv(fd, in + len, (size_t)(room - len), 0);
		if (got <= 0)
			return;
		len += (int)got;
		in[len] = '\0';
		const char *end = strstr(in, "\r\n\r\n");
		const char *length = strstr(in, "Content-Length:");
		if (end && len >= (int)(end - in) + 4 + (length ? atoi(length + 15) : 0))
			return;
	}
}

/* The plan, if it is about this request: then it is over with that. */
static bool take_plan(struct stand_in *vendor, int nth, struct plan *ret_plan)
{
	pthread_mutex_lock(&vendor->lock);
	bool taken = vendor->plan.nth == nth;
	*ret_plan = vendor->plan;
	if (taken)
		vendor->plan.nth = 0;
	pthread_mutex_unlock(&vendor->lock);
	return taken;
}

/* Returns: whether the connection goes on. */
static bool serve_plainly(struct stand_in *vendor, int fd)
{
	char in[REQUEST_BYTES];

	take_request(fd, in, ALL);
	atomic_fetch_add(&vendor->victims, strstr(in, " /victim ") != NULL);
	bool last = strstr(in, " /last ") != NULL;
	loopback_send(fd, last ? closing_answer : length_answer, strlen(last ? closing_answer : length_answer));
	return !last;
}

static void serve(struct stand_in *vendor, int fd)
{
	struct linger linger = {1, 0};
	struct plan plan = {0};
	char first, in[REQUEST_BYTES];
	bool goes_on = true;

	for (int nth = 1; goes_on && recv(fd, &first, 1, MSG_PEEK) == 1; nth++) {
		if (!take_plan(vendor, nth, &plan)) {
			goes_on = serve_plainly(vendor, fd);
			plan.reset = false;
			continue;
		}
		take_request(fd, in, plan.request_bytes);
		/* what was not read of it was the victim too: nothing else is sent while there is a plan */
		atomic_fetch_add(&vendor->victims, plan.request_bytes != ALL || strstr(in, " /victim "));
		if (plan.request_bytes == ALL)
			loopback_send(fd, plan.answer, (size_t)plan.answer_bytes);
		goes_on = false;
	}
	if (plan.reset && setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) != 0)
		abort();
	close(fd);
	atomic_fetch_add(&vendor->dropped, 1);
}

static void *vendor_run(void *ctx)
{
	struct stand_in *vendor = ctx;

	for (;;) {
		int fd = accept(vendor->listener, NULL, NULL);
		if (fd < 0 || atomic_load(&vendor->ends)) {
			close(fd);
			return NULL;
		}
		atomic_fetch_add(&vendor->accepted, 1);
		serve(vendor, fd);
	}
}

static void vendor_start(struct stand_in *vendor)
{
	memset(vendor, 0, sizeof(*vendor));
	pthread_mutex_init(&vendor->lock, NULL);
	vendor->listener = loopback_listen(64, &vendor->port);
	assert_int_equal(pthread_create(&vendor->thread, NULL, vendor_run, vendor), 0);
}

static void vendor_end(struct stand_in *vendor)
{
	atomic_store(&vendor->ends, true);
	shutdown(vendor->listener, SHUT_RDWR);
	pthread_join(vendor->thread, NULL);
	close(vendor->listener);
	pthread_mutex_destroy(&vendor->lock);
}

#endif
