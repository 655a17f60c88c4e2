/* ingress_fixture: the public listener on a port of its own, with everything real but the desk: a script says what
 * comes back, and what was asked is written down. One service per test program. */
#ifndef VERIFYD_INGRESS_FIXTURE_H
#define VERIFYD_INGRESS_FIXTURE_H

#include "common/base/clock.h"
#include "common/base/json_in.h"
#include "common/base/log.h"
#include "ingress/exchange.h"
#include "ingress/http_server.h"
#include "ingress/intake_fields.h"
#include "ingress/journey_fields.h"
#include "tests/unit/cert_fixture.h"
#include "tests/unit/loopback.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cmocka.h>

#define API_KEY    "X-Api-Key: key-of-24-characters-or-more\r\n"
#define JSON       "Content-Type: application/json\r\n"
#define PUBLIC_URL "https://idv.contoso.example/base"
#define B2C_URL    "https://t.b2clogin.com/tenant-id"
#define SECRET     "callback-secret-0123456789"
#define OBJECT_ID  "6c9d0a52-0000-4000-8000-000000000001"
#define GUID       "0b8e1c1e-1111-4222-8333-444455556666"

enum { REPLY_BYTES = 64 * 1024, REQUEST_BYTES = 32 * 1024, CLIENT_TIMEOUT_S = 30 };

/* What the desk does with the next asks, and what it was asked last. */
static struct script {
	enum outcome outcome;
	struct verification state; /* id, caller and question are filled from the ask when they are empty */
	const char *link;          /* sealed on the way */
	struct person person;      /* fields sealed on the way; none: not sealed */
	struct queue_place place;  /* of an ask that wants one */
	int delay_ms;              /* how long it takes its time */
	bool joined;               /* answers with an id of its own: state.id */
	bool holds;       /* keeps it: held->done is the test's to call */
	struct ask *_Atomic held;
	int asked;
	atomic_int served; /* desk_serve was called so often */
	struct ask last;                       /* without what it owns */
	char given[REQUEST_FIELD_COUNT][2100]; /* the person's fields */
} script;

static struct service {
	struct ingress ingress;
	struct config *config;
	struct http_server *server;
	uint16_t port;
	bool in_loop; /* the test's own, by http_server_join_loop */
	char cert[CERT_PATH_BYTES];
} service;

/* In place of desk.c's. */
void desk_submit(struct desk *desk, struct ask *ask)
{
	(void)desk;
	script.asked++;
	if (script.delay_ms)
		(void)usleep((useconds_t)script.delay_ms * 1000);
	script.last = *ask;
	if (script.holds) {
		script.held = ask;
		return;
	}
	for (unsigned i = 0; i < REQUEST_FIELD_COUNT; i++) {
		const char *text = ask->person.field[i];
		(void)snprintf(script.given[i], sizeof script.given[i], "%s", text ? text : "");
	}
	ask->outcome = script.outcome;
	ask->state = script.state;
	ask->place = script.place;
	if (script.joined)
		memcpy(ask->request.id, script.state.id, sizeof ask->request.id);
	memcpy(ask->state.id, ask->request.id, sizeof ask->state.id);
	if (script.link) {
		struct buf sealed;
		size_t len;
		buf_init(&sealed, 64 * 1024);
		cert_must(seal_text(service.ingress.ring, ask->request.id, script.link, strlen(script.link), &sealed,
		                    NULL) == ERR_OK &&
		          buf_take(&sealed, &ask->texts.link, &len) == ERR_OK);
	}
	if (script.person.field[REQUEST_FIELD_SUBJECT]) {
		struct request request = {.kind = KIND_JUMIO_IDENTITY};
		memcpy(request.id, ask->request.id, sizeof request.id);
		cert_must(request_seal(&request, service.ingress.ring, &script.person, NULL) == ERR_OK);
		ask->texts.sealed = request.sealed;
	}
	ask->done(ask);
}

void desk_serve(struct desk *desk)
{
	(void)desk;
	script.served++;
}

static inline void make_cert(char ret_path[CERT_PATH_BYTES])
{
	int64_t now = clock_unix_ms() / 1000;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *certificate = cert_new(key, "hints", now - CERT_DAY_S, now + CERT_DAY_S);
	struct buf file;
	buf_init(&file, CERT_FILE_MAX_BYTES);
	cert_put_key(&file, key, NULL, false);
	cert_put_pem(&file, certificate);
	cert_file(&file, ret_path);
	buf_fini(&file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* more: further settings; a NULL ends them. journeys: whether any are served. */
static inline void start_service(bool journeys, const char *const *more)
{
	char listen[64], cert[128];
	char *environment[32] = {listen,
	                         "VERIFYD_KAFKA_BROKERS=127.0.0.1:1",
	                         "VERIFYD_REDIS_URL=redis://127.0.0.1:1",
	                         "VERIFYD_ID_KEY=0123456789abcdef0123456789abcdef",
	                         "VERIFYD_SEAL_KEYS=k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	                         "VERIFYD_AUTH_API_KEYS=b2c=key-of-24-characters-or-more",
	                         service.in_loop ? "VERIFYD_HTTP_THREADS=0" : "VERIFYD_HTTP_THREADS=1"};
	static char *const journey_settings[] = {
	        "VERIFYD_PUBLIC_URL=" PUBLIC_URL,
	        "VERIFYD_B2C_BASE_REDIRECT_URL=" B2C_URL,
	        "VERIFYD_TOKEN_SIGNING_KEY=signing-0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
	        "VERIFYD_TOKEN_ENCRYPTION_KEY=encrypt-0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
	        "VERIFYD_TOKEN_ISSUER=https://idv.contoso.example",
	        "VERIFYD_TOKEN_AUDIENCE=b2c",
	        "VERIFYD_CALLBACK_SECRET=" SECRET};
	size_t n = 7;
	struct ingress *ingress = &service.ingress;
	int mistakes = 0;
	service.port = (uint16_t)loopback_free_port();
	(void)snprintf(listen, sizeof listen, "VERIFYD_HTTP_LISTEN=127.0.0.1:%u", service.port);
	log_init("test", LOG_ERROR);
	if (journeys) {
		make_cert(service.cert);
		(void)snprintf(cert, sizeof cert, "VERIFYD_SIGNING_CERT_FILE=%s", service.cert);
		environment[n++] = cert;
		for (size_t i = 0; i < sizeof journey_settings / sizeof *journey_settings; i++)
			environment[n++] = journey_settings[i];
	}
	for (; more && *more; more++)
		environment[n++] = (char *)(uintptr_t)*more;
	cert_must(config_load(CONFIG_INGRESS, environment, stderr, &service.config) == ERR_OK);
	*ingress = (struct ingress){.config = service.config,
	                            .sync_budget_ms = 8500,
	                            .request_deadline_ms = 20000,
	                            .max_body_bytes = 64 * 1024};
	cert_must(metrics_new(&ingress->metrics) == ERR_OK &&
	          auth_new(service.config, false, stderr, &ingress->auth) == 0 &&
	          id_key_new(config_str(service.config, CONFIG_ID_KEY), &ingress->id_key, NULL) == ERR_OK &&
	          seal_ring_new(config_str(service.config, CONFIG_SEAL_KEYS), &ingress->ring, NULL) == ERR_OK &&
	          journeys_new(service.config, clock_unix_ms(), stderr, &ingress->journeys, &mistakes) == ERR_OK);
	if (journeys)
		cert_must(cors_new(config_str(service.config, CONFIG_CORS_ORIGINS), B2C_URL, stderr, &ingress->cors,
		                   &mistakes) == ERR_OK);
	const char *folder = config_str(service.config, CONFIG_UI_DIR);
	cert_must(!folder || ui_files_new(folder, stderr, &ingress->ui, &mistakes) == ERR_OK);
	const char *proxies = config_str(service.config, CONFIG_TRUSTED_PROXIES);
	cert_must(!proxies || cidr_list_new(proxies, &ingress->proxies, NULL) == ERR_OK);
	cert_must(http_server_start(ingress, &service.server, NULL) == ERR_OK);
}

static inline int stop_service(void **state)
{
	struct ingress *ingress = &service.ingress;
	(void)state;
	http_server_stop(service.server);
	cidr_list_free(ingress->proxies);
	cors_free(ingress->cors);
	ui_files_free(ingress->ui);
	journeys_free(ingress->journeys);
	seal_ring_free(ingress->ring);
	id_key_free(ingress->id_key);
	auth_free(ingress->auth);
	metrics_free(ingress->metrics);
	config_free(service.config);
	if (service.cert[0])
		(void)unlink(service.cert);
	return 0;
}

/* Before each test: the desk knows nothing. */
static inline int clear_script(void **state)
{
	(void)state;
	script = (struct script){.outcome = OUTCOME_NOT_FOUND};
	return 0;
}

/* ---- calling it ---- */

struct reply {
	int status;
	char text[REPLY_BYTES]; /* all of it */
	const char *body;
};

static struct reply reply; /* the last one */

/* headers: each with its line end. body NULL: none. */
static inline struct reply *call(const char *method, const char *target, const char *headers, const char *body)
{
	static char request[REQUEST_BYTES];
	const struct timeval patience = {.tv_sec = CLIENT_TIMEOUT_S};
	struct sockaddr_in address = {
	        .sin_family = AF_INET, .sin_port = htons(service.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int len = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s", method,
	                   target, headers);
	len += snprintf(request + len, sizeof request - (size_t)len, body ? "Content-Length: %zu\r\n\r\n%s" : "\r\n",
	                body ? strlen(body) : 0, body ? body : "");
	cert_must(len > 0 && (size_t)len < sizeof request);
	assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
	size_t got = 0;
	for (ssize_t n = 1; got < REPLY_BYTES - 1 && n > 0; got += n > 0 ? (size_t)n : 0)
		n = recv(fd, reply.text + got, REPLY_BYTES - 1 - got, 0);
	reply.text[got] = '\0';
	(void)close(fd);
	reply.status = strncmp(reply.text, "HTTP/1.1 ", 9) == 0 ? atoi(reply.text + 9) : 0;
	const char *end = strstr(reply.text, "\r\n\r\n");
	reply.body = end ? end + 4 : "";
	return &reply;
}

/* A header's value of the last reply; NULL when it is not there. Lives until the next call. */
static inline const char *replied(const char *name)
{
	static char value[16 * 1024];
	size_t name_len = strlen(name);
	for (const char *line = strstr(reply.text, "\r\n"); line && line + 4 < reply.body;
	     line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
			continue;
		const char *from = line + name_len + 1 + strspn(line + name_len + 1, " ");
		(void)snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
		return value;
	}
	return NULL;
}

/* A text member of the last reply's JSON; "" when it is not there. Lives until the next call. */
static inline const char *member(const char *name)
{
	static char value[16 * 1024];
	struct json_in *root = NULL;
	assert_int_equal(json_in_parse(reply.body, strlen(reply.body), &root, NULL), ERR_OK);
	const char *text = json_in_text(json_in_get(root, name));
	(void)snprintf(value, sizeof value, "%s", text ? text : "");
	json_in_free(root);
	return value;
}

/* B2C's own error, with this code. */
static inline void expect_b2c_error(const char *code)
{
	assert_int_equal(reply.status, 409);
	assert_string_equal(member("code"), code);
	assert_true(strlen(member("userMessage")) > 10);
}

/* The state of a journey of OBJECT_ID as the desk has it. */
static inline void known(enum state state, enum verdict verdict)
{
	script.outcome = OUTCOME_STATE;
	script.state = (struct verification){
	        .kind = KIND_JUMIO_IDENTITY, .state = state, .verdict = verdict, .rev = 3, .caller = "b2c"};
	if (state == STATE_CHECKING || state == STATE_COMPLETED)
		script.state.checking_ms = 1;
	cert_must(subject_question(service.ingress.id_key, "b2c", KIND_JUMIO_IDENTITY, OBJECT_ID,
	                           script.state.question) == ERR_OK);
}

#endif
