/* sim_http: libmicrohttpd with a pool of threads. One thread would do for the work, but each resume walks its thread's
 * whole list of suspended connections, so the list is spread over several and resumes come in batches (sim_delay.h).
 * It does not notice that the client of a suspended connection has gone: such a call stays in flight until it is due.
 */
#include "tests/sim/sim_http.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/sim/sim_delay.h"
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { THREADS = 4, CONNECTION_MEMORY_BYTES = 16384 };

struct sim_http {
	struct sim *sim;
	struct sim_delay *delay;
	struct MHD_Daemon *daemon;
};

/* One request on its way; libmicrohttpd carries it as the request's context. Thread: the connection's. */
struct call {
	struct sim_http *http;
	char *uri; /* raw, with the query */
	struct buf body;
	bool is_cut;    /* the body was too long */
	bool has_begun; /* the handler's first call, before the body, is over */
	bool is_decided;
	bool is_counted; /* in flight */
	struct sim_reply reply;
};

/* Called as the request line is there: the only place that shows the query undecoded. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct call *call = calloc(1, sizeof(*call));
	(void)connection;
	if (!call)
		return NULL;
	call->http = cls;
	call->uri = strdup(uri);
	buf_init(&call->body, SIM_REQUEST_BODY_BYTES);
	sim_reply_init(&call->reply);
	return call;
}

static void count_out(struct call *call)
{
	if (call->is_counted)
		sim_done(call->http->sim);
	call->is_counted = false;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
	struct call *call = *con_cls;
	(void)cls, (void)connection, (void)why;
	if (!call)
		return;
	count_out(call);
	free(call->uri);
	buf_fini(&call->body);
	sim_reply_fini(&call->reply);
	free(call);
	*con_cls = NULL;
}

/* Returns: the header's value, "" when it is absent. */
static const char *header(struct MHD_Connection *connection, const char *name)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
	return value ? value : "";
}

static void decide(struct call *call, struct MHD_Connection *connection, const char *path, const char *method)
{
	const char *query = strchr(call->uri, '?');
	const struct sim_request request = {
	        .method = method,
	        .path = path,
	        .query = query ? query + 1 : "",
	        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
	        .accept = header(connection, MHD_HTTP_HEADER_ACCEPT),
	        .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
	        .user_agent = header(connection, MHD_HTTP_HEADER_USER_AGENT),
	        .host = header(connection, MHD_HTTP_HEADER_HOST),
	        .traceparent = header(connection, "traceparent"),
	        .body = call->body.data,
	        .body_len = call->body.len,
	        .is_cut = call->is_cut,
	};
	call->is_counted = sim_handle(call->http->sim, &request, &call->reply);
	call->is_decided = true;
	if (call->reply.releases)
		sim_delay_release(call->http->delay);
}

static void wake(void *connection)
{
	MHD_resume_connection(connection);
}

/* Returns: true when the connection now sleeps and the handler is called again at its time. */
static bool sleep_if_told(struct call *call, struct MHD_Connection *connection)
{
	struct sim_errand *errand = call->reply.errand;
	if (errand) {
		call->reply.errand = NULL;
		MHD_suspend_connection(connection);
		errand->run(errand, wake, connection);
		return true;
	}
	if (call->reply.delay_ms <= 0)
		return false;
	int64_t due_ms = clock_mono_ms() + call->reply.delay_ms + 1; /* the clock drops a part of a millisecond */
	MHD_suspend_connection(connection);                          /* first: a resume must not come before it */
	if (sim_delay_add(call->http->delay, due_ms, connection) != ERR_OK)
		MHD_resume_connection(connection); /* stopping, or no memory: the answer comes early */
	return true;
}

/* A close would send FIN first, which reads as an empty answer; dissolving the association sends RST at once. */
static void reset_connection(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const struct linger drop = {.l_onoff = 1, .l_linger = 0};
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	if (!info || setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &drop, sizeof(drop)) != 0 ||
	    connect(info->connect_fd, &nobody, sizeof(nobody)) != 0)
		log_warn("reset_failed", LOG_INT("errno", errno));
}

/* A body that ends before its Content-Length. */
struct torn {
	char *data;
	size_t len; /* bytes that are sent */
};

static ssize_t torn_read(void *cls, uint64_t pos, char *out, size_t max)
{
	const struct torn *torn = cls;
	if (pos >= torn->len)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t part = torn->len - (size_t)pos;
	if (part > max)
		part = max;
	memcpy(out, torn->data + pos, part);
	return (ssize_t)part;
}

static void torn_free(void *cls)
{
	struct torn *torn = cls;
	free(torn->data);
	free(torn);
}

static struct MHD_Response *torn_response(char *data, size_t len)
{
	struct torn *torn = malloc(sizeof(*torn));
	if (!torn)
		return NULL;
	*torn = (struct torn){data, len / 2};
	struct MHD_Response *response = MHD_create_response_from_callback(len, 4096, torn_read, torn, torn_free);
	if (!response)
		free(torn);
	return response;
}

static bool add_number(struct MHD_Response *response, const char *name, int64_t value)
{
	char text[24];
	if (value < 0)
		return true;
	snprintf(text, sizeof(text), "%lld", (long long)value);
	return MHD_add_response_header(response, name, text) == MHD_YES;
}

/* value: NULL leaves it out. */
static bool add_text(struct MHD_Response *response, const char *name, const char *value)
{
	return !value || MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_headers(struct MHD_Response *response, const struct sim_reply *reply)
{
	return add_text(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) &&
	       add_text(response, MHD_HTTP_HEADER_ALLOW, reply->allow) &&
	       add_text(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, reply->challenge) &&
	       add_text(response, MHD_HTTP_HEADER_LOCATION, reply->location.len > 0 ? reply->location.data : NULL) &&
	       add_text(response, MHD_HTTP_HEADER_CACHE_CONTROL, reply->is_private ? "no-store" : NULL) &&
	       add_text(response, "Referrer-Policy", reply->is_private ? "no-referrer" : NULL) &&
	       add_number(response, MHD_HTTP_HEADER_RETRY_AFTER, reply->retry_after_s) &&
	       add_number(response, "Vendorsim-Dropped", reply->dropped);
}

/* Returns: the response, which owns the reply's body from now on; NULL when memory is short. */
static struct MHD_Response *response_of(struct sim_reply *reply)
{
	char *data = NULL;
	size_t len = 0;
	if (buf_take(&reply->body, &data, &len) != ERR_OK)
		return NULL;
	struct MHD_Response *response = reply->act == SIM_TRUNCATE
	                                        ? torn_response(data, len)
	                                        : MHD_create_response_from_buffer_with_free_callback(len, data, free);
	if (!response) {
		free(data);
		return NULL;
	}
	if (add_headers(response, reply))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

/* Returns: MHD_NO closes the connection. */
static enum MHD_Result finish(struct call *call, struct MHD_Connection *connection)
{
	count_out(call); /* before the first byte: a client that sees the answer is no longer counted */
	if (call->reply.act == SIM_RESET) {
		reset_connection(connection);
		return MHD_NO;
	}
	struct MHD_Response *response = response_of(&call->reply);
	if (!response)
		return MHD_NO;
	enum MHD_Result result = MHD_queue_response(connection, call->reply.status, response);
	MHD_destroy_response(response);
	return result;
}

static void take_body(struct call *call, const char *data, size_t len)
{
	size_t room = call->body.max - call->body.len;
	call->is_cut |= len > room;
	if (buf_append(&call->body, data, len > room ? room : len) != ERR_OK)
		call->is_cut = true;
}

/* Called before the body, for each part of it, at its end, and again after a sleep. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **con_cls)
{
	struct call *call = *con_cls;
	(void)cls, (void)version;
	if (!call || !call->uri)
		return MHD_NO; /* no memory */
	if (!call->has_begun) {
		call->has_begun = true;
		return MHD_YES;
	}
	if (*data_len > 0) {
		take_body(call, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (!call->is_decided) {
		decide(call, connection, url, method);
		if (sleep_if_told(call, connection))
			return MHD_YES;
	}
	return finish(call, connection);
}

enum err_code sim_http_start(struct sim *sim, int listen_fd, unsigned connections, struct sim_http **ret_http,
                             struct err *err)
{
	struct sim_http *http = calloc(1, sizeof(*http));
	if (!http)
		return err_set(err, ERR_NO_MEMORY, "no memory for the HTTP server");
	http->sim = sim;
	enum err_code code = sim_delay_new(wake, &http->delay, err);
	if (code != ERR_OK) {
		free(http);
		return code;
	}
	http->daemon = MHD_start_daemon(
	        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
	        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
	        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SIM_IDLE_S,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
	        on_uri, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
	if (!http->daemon) {
		sim_delay_free(http->delay);
		free(http);
		return err_set(err, ERR_INTERNAL, "libmicrohttpd did not start");
	}
	*ret_http = http;
	return ERR_OK;
}

void sim_http_stop(struct sim_http *http)
{
	if (!http)
		return;
	sim_delay_stop(http->delay); /* resumes all: libmicrohttpd forbids to stop with suspended connections */
	sim_stop(http->sim);         /* those that wait for an errand too */
	MHD_stop_daemon(http->daemon);
	sim_delay_free(http->delay);
	free(http);
}
