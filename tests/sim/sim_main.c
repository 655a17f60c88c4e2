/* vendorsim: stand-ins of the vendors for the demo, tests and benchmarks. See README.md beside this file.
 * Not a mock inside a process: verifyd talks to it as to the vendor, over HTTP. */
#include "common/base/log.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_http.h"
#include "tests/sim/sim_listen.h"
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, FILES_BESIDE_CONNECTIONS = 128 };

static const char help[] = "vendorsim: stands in for the vendors in demos, tests and benchmarks\n"
                           "usage: vendorsim [--listen HOST:PORT]\n"
                           "  --listen HOST:PORT  where to listen (127.0.0.1:8090); port 0: any free one\n"
                           "  --help, --version\n"
                           "Jumio is under /jumio (credentials: sim-token, sim-secret), BioCatch under /biocatch,\n"
                           "the control interface under /control. Nothing here is for production.\n";

/* Returns: true to go on; false to exit with *ret_status. */
static bool read_options(int argc, char **argv, const char **ret_listen, int *ret_status)
{
	static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {"version", no_argument, NULL, 'v'},
	                                        {0}};
	int option;
	*ret_status = EXIT_USAGE;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l') {
			*ret_listen = optarg;
		} else if (option == 'h' || option == 'v') {
			*ret_status = fputs(option == 'h' ? help : "vendorsim " VERIFYD_VERSION "\n", stdout) < 0;
			return false;
		} else {
			return false; /* getopt_long has said what is wrong */
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vendorsim: what is \"%s\"? See vendorsim --help\n", argv[optind]);
		return false;
	}
	return true;
}

/* Raises the limit of open files as far as needed and allowed. Returns: how many connections fit. */
static unsigned raise_files(void)
{
	const rlim_t wanted = SIM_CONNECTIONS_MAX + FILES_BESIDE_CONNECTIONS;
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return SIM_CONNECTIONS_WANTED;
	if (files.rlim_cur < wanted) {
		struct rlimit raised = {.rlim_cur = wanted, .rlim_max = files.rlim_max};
		if (raised.rlim_cur > raised.rlim_max)
			raised.rlim_cur = raised.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			files = raised;
	}
	rlim_t room = files.rlim_cur > (rlim_t)2 * FILES_BESIDE_CONNECTIONS ? files.rlim_cur - FILES_BESIDE_CONNECTIONS
	                                                                    : FILES_BESIDE_CONNECTIONS;
	return room < SIM_CONNECTIONS_MAX ? (unsigned)room : SIM_CONNECTIONS_MAX;
}

/* Blocks the signals that end the program, so that only the wait in main sees them. Call before threads start. */
static bool hold_signals(sigset_t *ret_held)
{
	if (sigemptyset(ret_held) != 0 || sigaddset(ret_held, SIGTERM) != 0 || sigaddset(ret_held, SIGINT) != 0)
		return false;
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR && sigprocmask(SIG_BLOCK, ret_held, NULL) == 0;
}

static void serve(const char *address, unsigned connections, const sigset_t *held)
{
	int received = 0;
	log_info("listening", LOG_STR("listener", "vendorsim"), LOG_STR("address", address),
	         LOG_INT("connections", connections));
	if (connections < SIM_CONNECTIONS_WANTED)
		log_warn("few_files_allowed", LOG_INT("connections", connections));
	while (sigwait(held, &received) != 0)
		; /* nothing but EINVAL is specified, and the set is valid */
	log_info("stopping", LOG_INT("signal", received));
}

static enum err_code run(const char *listen_text, const sigset_t *held, struct err *err)
{
	char address[SIM_ADDRESS_BYTES];
	struct sim *sim = NULL;
	struct sim_http *http = NULL;
	int fd = -1;
	unsigned connections = raise_files();
	enum err_code code = sim_new(&sim, err);
	if (code == ERR_OK)
		code = sim_listen_open(listen_text, &fd, address, err);
	if (code == ERR_OK)
		code = sim_http_start(sim, fd, connections, &http, err);
	if (code == ERR_OK)
		serve(address, connections, held);
	sim_http_stop(http);
	sim_free(sim);
	return code;
}

int main(int argc, char **argv)
{
	const char *listen_text = "127.0.0.1:8090";
	int status;
	sigset_t held;
	struct err err = {0};
	if (!read_options(argc, argv, &listen_text, &status))
		return status;
	log_init("vendorsim", LOG_INFO);
	json_object_seed(0); /* before threads: jansson seeds its hash tables once */
	if (!hold_signals(&held)) {
		log_error("start_failed", LOG_STR("error", strerror(errno)));
		return EXIT_FAILED;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) { /* before threads too */
		log_error("start_failed", LOG_STR("error", "libcurl does not start"));
		return EXIT_FAILED;
	}
	enum err_code code = run(listen_text, &held, &err);
	curl_global_cleanup();
	if (code == ERR_OK)
		return EXIT_OK;
	log_error("start_failed", LOG_STR("error", err.msg));
	return code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
}
