/* ops_console: who waits for an edition is suspended, and resumed when there is one. No queue stands before a viewer:
 * what was not taken when the next edition came is never sent. */
#include "common/adapters/ops_console.h"
#include "common/adapters/console_document.h"
#include "common/adapters/console_view.h"
#include "common/base/list.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BLOCK_BYTES = 16 * 1024, DOCUMENT_MAX_BYTES = CONSOLE_VIEW_MAX_BYTES + 64 * 1024, EVENT_EXTRA_BYTES = 64 };

#define EVENT_BEGIN "retry: 2000\ndata: "
#define EVENT_END   "\n\n"

struct ops_console {
	struct console *console;
	char csp[CONSOLE_CSP_BYTES];
	pthread_mutex_t lock;
	/* under the lock */
	struct list visits;
	size_t viewers; /* streams */
	bool ending;
};

struct ops_visit {
	struct list all;
	struct ops_console *console;
	struct MHD_Connection *connection;
	bool suspended; /* under the lock */
	bool streams, waited;
	uint64_t seen;    /* edition that was sent last */
	struct buf event; /* being sent, from `sent` on */
	size_t sent;
};

/* ---- waiting ---- */

/* Called with the lock held. */
static void resume_all(struct ops_console *console)
{
	for (struct list *at = console->visits.next; at != &console->visits; at = at->next) {
		struct ops_visit *visit = LIST_ENTRY(at, struct ops_visit, all);
		if (visit->suspended)
			MHD_resume_connection(visit->connection);
		visit->suspended = false;
	}
}

static void on_edition(void *ctx)
{
	struct ops_console *console = ctx;
	pthread_mutex_lock(&console->lock);
	resume_all(console);
	pthread_mutex_unlock(&console->lock);
}

/* Returns: false when it ends, so nothing will come. */
static bool suspend(struct ops_visit *visit)
{
	struct ops_console *console = visit->console;
	pthread_mutex_lock(&console->lock);
	bool waits = !console->ending;
	if (waits) {
		visit->suspended = true;
		MHD_suspend_connection(visit->connection);
	}
	pthread_mutex_unlock(&console->lock);
	return waits;
}

/* ---- answers ---- */

static enum MHD_Result answer(struct ops_visit *visit, unsigned status, struct MHD_Response *response, const char *type)
{
	const struct {
		const char *name, *value;
	} headers[] = {{MHD_HTTP_HEADER_CONTENT_TYPE, type},
	               {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	               {"X-Content-Type-Options", "nosniff"},
	               {"Referrer-Policy", "no-referrer"},
	               {"X-Accel-Buffering", "no"}, /* nginx would keep events back */
	               {"Content-Security-Policy", visit->console->csp}};
	enum MHD_Result result = MHD_YES;
	if (!response)
		return MHD_NO;
	for (size_t i = 0; result == MHD_YES && i < sizeof headers / sizeof *headers; i++)
		result = MHD_add_response_header(response, headers[i].name, headers[i].value);
	if (result == MHD_YES && status == MHD_HTTP_SERVICE_UNAVAILABLE)
		result = MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
	if (result == MHD_YES)
		result = MHD_queue_response(visit->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct ops_visit *visit, const char *why)
{
	struct MHD_Response *response =
	        MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why, MHD_RESPMEM_PERSISTENT);
	return answer(visit, MHD_HTTP_SERVICE_UNAVAILABLE, response, "text/plain; charset=utf-8");
}

static enum MHD_Result answer_document(struct ops_visit *visit)
{
	struct buf seen, document;
	struct MHD_Response *response = NULL;
	char *data;
	size_t len;
	buf_init(&seen, CONSOLE_VIEW_MAX_BYTES);
	buf_init(&document, DOCUMENT_MAX_BYTES);
	if (console_read(visit->console->console, &seen) > 0 &&
	    console_document_write(seen.data, &document) == ERR_OK && buf_take(&document, &data, &len) == ERR_OK) {
		response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
		if (!response)
			free(data);
	}
	buf_fini(&seen);
	buf_fini(&document);
	return response ? answer(visit, MHD_HTTP_OK, response, "text/html; charset=utf-8")
	                : refuse(visit, "nothing is to be seen yet\n");
}

enum MHD_Result ops_console_page(struct ops_visit *visit)
{
	struct console *console = visit->console->console;
	if (!console_watch(console))
		return refuse(visit, "no thread to look\n");
	if (console_edition(console) > 0 || visit->waited)
		return answer_document(visit);
	visit->waited = true;
	return suspend(visit) ? MHD_YES : refuse(visit, "it is ending\n");
}

/* ---- the stream ---- */

/* An event is one line: what could break it is a blank in HTML, too. */
static bool encode_event(struct ops_visit *visit)
{
	struct buf *event = &visit->event;
	buf_clear(event);
	if (buf_append_str(event, EVENT_BEGIN) != ERR_OK)
		return false;
	size_t begin = event->len;
	uint64_t edition = console_read(visit->console->console, event);
	for (size_t i = begin; i < event->len; i++)
		if (event->data[i] == '\n' || event->data[i] == '\r' || event->data[i] == '\0')
			event->data[i] = ' ';
	visit->sent = 0;
	visit->seen = edition;
	return edition > 0 && buf_append_str(event, EVENT_END) == ERR_OK;
}

static ssize_t on_room(void *ctx, uint64_t position, char *room, size_t room_len)
{
	struct ops_visit *visit = ctx;
	struct console *console = visit->console->console;
	(void)position;
	if (visit->sent == visit->event.len) {
		(void)console_watch(console);
		uint64_t edition = console_edition(console);
		if (edition == 0 || edition == visit->seen)
			return suspend(visit) ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
		if (!encode_event(visit))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	size_t left = visit->event.len - visit->sent, len = left < room_len ? left : room_len;
	memcpy(room, visit->event.data + visit->sent, len);
	visit->sent += len;
	return (ssize_t)len;
}

/* What the kernel keeps for a viewer, and for how long it tries: best effort, libmicrohttpd has a time limit, too. */
static void limit_socket(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int bytes = OPS_VIEWER_BUFFER_BYTES, stalled_ms = OPS_VIEWER_STALLED_S * 1000;
	if (!info)
		return;
	int fd = info->connect_fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stalled_ms, sizeof stalled_ms);
}

static bool take_place(struct ops_visit *visit)
{
	struct ops_console *console = visit->console;
	pthread_mutex_lock(&console->lock);
	bool taken = !console->ending && console->viewers < OPS_VIEWERS_MAX;
	console->viewers += taken;
	visit->streams = taken;
	pthread_mutex_unlock(&console->lock);
	return taken;
}

enum MHD_Result ops_console_events(struct ops_visit *visit)
{
	if (!console_watch(visit->console->console))
		return refuse(visit, "no thread to look\n");
	if (!take_place(visit))
		return refuse(visit, "too many watch\n");
	limit_socket(visit->connection);
	return answer(visit, MHD_HTTP_OK,
	              MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_room, visit, NULL),
	              "text/event-stream");
}

/* ---- life ---- */

struct ops_visit *ops_visit_new(struct ops_console *console, struct MHD_Connection *connection)
{
	struct ops_visit *visit = calloc(1, sizeof *visit);
	if (!visit)
		return NULL;
	visit->console = console;
	visit->connection = connection;
	buf_init(&visit->event, CONSOLE_VIEW_MAX_BYTES + EVENT_EXTRA_BYTES);
	pthread_mutex_lock(&console->lock);
	list_insert(&console->visits, &visit->all);
	pthread_mutex_unlock(&console->lock);
	return visit;
}

void ops_visit_end(struct ops_visit *visit)
{
	struct ops_console *console = visit->console;
	pthread_mutex_lock(&console->lock);
	list_remove(&visit->all);
	console->viewers -= visit->streams;
	pthread_mutex_unlock(&console->lock);
	buf_fini(&visit->event);
	free(visit);
}

enum err_code ops_console_new(const struct console_options *options, struct ops_console **ret_console)
{
	struct ops_console *console = calloc(1, sizeof *console);
	struct console_options wanted = *options;
	if (!console)
		return ERR_NO_MEMORY;
	wanted.on_edition = on_edition;
	wanted.ctx = console;
	enum err_code code = console_document_csp(console->csp);
	if (code == ERR_OK)
		code = console_new(&wanted, &console->console);
	if (code != ERR_OK) {
		free(console);
		return code;
	}
	list_init(&console->visits);
	pthread_mutex_init(&console->lock, NULL);
	*ret_console = console;
	return ERR_OK;
}

void ops_console_end(struct ops_console *console)
{
	if (!console)
		return;
	pthread_mutex_lock(&console->lock);
	console->ending = true;
	resume_all(console);
	pthread_mutex_unlock(&console->lock);
}

void ops_console_free(struct ops_console *console)
{
	if (!console)
		return;
	console_free(console->console);
	pthread_mutex_destroy(&console->lock);
	free(console);
}
