/* Tests of http_curl against a vendor that breaks off at every byte of the request and of the answer: a request reaches
 * the vendor as often as it was meant to, its end is told once, as what it was, and the port works afterwards.
 *
 * The vendor is a thread with one listening socket. A case is what it does with the request for /victim; what else it
 * is asked for, it answers. */
#include "workers/http_curl.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALL = 1 << 20, REQUEST_BYTES = 4096, WHILE_IDLE = -1 };

/* ---- the vendor ---- */

static const char length_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
                                    "{\"score\":123456}";
static const char chunked_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                                     "\r\n7\r\n{\"score\r\n9\r\n\":123456}\r\n0\r\n\r\n";

struct plan {
	int request_bytes; /* are read, then it breaks off; ALL: the whole request is */
	int answer_bytes;  /* are sent then; WHILE_IDLE: it breaks off after the request before that, and then works */
	bool reset;        /* with RST instead of FIN */
	const char *answer;
};

struct vendor {
	pthread_t thread;
	int listener, port;
	pthread_mutex_t lock; /* over the plan */
	struct plan plan;
	atomic_int victims; /* how often /victim began to arrive, or a request that the plan breaks off in */
	atomic_int idle_closed;
	atomic_bool ends;
};

static void put(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

static void drop(int fd, bool reset)
{
	struct linger linger = {1, 0};

	if (reset && setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) != 0)
		abort();
	close(fd);
}

/* Reads up to `most` bytes, or to the end of a request. Returns: how many; 0: the client has gone. */
static int take_request(int fd, char *in, int most)
{
	int len = 0;

	while (len < most && len < REQUEST_BYTES - 1) {
		int room = REQUEST_BYTES - 1 - len;
		ssize_t got = recv(fd, in + len, (size_t)(most - len < room ? most - len : room), 0);
		if (got <= 0)
			return len;
		len += (int)got;
		in[len] = '\0';
		const char *end = strstr(in, "\r\n\r\n");
		const char *length = strstr(in, "Content-Length:");
		if (end && len >= (int)(end - in) + 4 + (length ? atoi(length + 15) : 0))
			break;
	}
	return len;
}

/* Whether the next request on this connection is the one that the plan is about: it is when it is the second, or the
 * client was told to send nothing else before. Waits for its first byte. Returns: false: the client has gone. */
static bool peek(int fd, char *ret_first)
{
	return recv(fd, ret_first, 1, MSG_PEEK) == 1;
}

static struct plan plan_of(struct vendor *vendor)
{
	pthread_mutex_lock(&vendor->lock);
	struct plan plan = vendor->plan;
	pthread_mutex_unlock(&vendor->lock);
	return plan;
}

/* A request that breaks off within itself: its path may not have arrived, so the plan says that it is the victim: all but
 * the priming GET come as the plan's. Returns: false when the connection is over. */
static bool serve_one(struct vendor *vendor, int fd, bool primed)
{
	char in[REQUEST_BYTES], first = 0;

	if (!peek(fd, &first))
		return false;
	struct plan plan = plan_of(vendor);
	bool early = plan.request_bytes != ALL && primed;
	if (early) {
		atomic_fetch_add(&vendor->victims, 1);
		(void)take_request(fd, in, plan.request_bytes);
		return false;
	}
	if (take_request(fd, in, ALL) == 0)
		return false;
	if (!strstr(in, " /victim ")) {
		put(fd, length_answer, strlen(length_answer));
		return true;
	}
	atomic_fetch_add(&vendor->victims, 1);
	put(fd, plan.answer, (size_t)plan.answer_bytes);
	return plan.answer_bytes == (int)strlen(plan.answer);
}

static void serve(struct vendor *vendor, int fd)
{
	/* A plan that breaks off in the request is for the first connection after it was made. */
	int served = 0;
	bool alive = true;

	while (alive) {
		struct plan plan = plan_of(vendor);
		bool fresh = plan.request_bytes != ALL && plan.answer_bytes == 0;
		alive = serve_one(vendor, fd, served > 0 || fresh);
		served++;
		if (alive && served == 1 && plan.answer_bytes == WHILE_IDLE) {
			drop(fd, plan.reset);
			atomic_fetch_add(&vendor->idle_closed, 1);
			return;
		}
	}
	struct plan plan = plan_of(vendor);
	pthread_mutex_lock(&vendor->lock);
	vendor->plan.request_bytes = ALL; /* the plan is over: what comes now is served */
	pthread_mutex_unlock(&vendor->lock);
	drop(fd, plan.reset);
}

static void *vendor_run(void *ctx)
{
	struct vendor *vendor = ctx;

	for (;;) {
		int fd = accept(vendor->listener, NULL, NULL);
		if (atomic_load(&vendor->ends)) {
			close(fd);
			return NULL;
		}
		serve(vendor, fd);
	}
}
