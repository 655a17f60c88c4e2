/* verifyd-worker: command line, then worker_run. */
#include "common/adapters/otlp_export.h"
#include "common/adapters/service_settings.h"
#include "common/base/cli.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "workers/http_curl.h"
#include "workers/webhook.h"
#include "workers/worker.h"
#include <curl/curl.h>
#include <malloc.h>
#include <string.h>

/* A worker's threads are a loop and librdkafka's, which hand memory to each other: an arena for each of them only keeps
 * what is free apart (30 MB with 10,000 calls in flight). */
enum { MALLOC_ARENAS = 2 };

static int run(const struct config *config, const char *names)
{
	struct worker_vendors vendors;
	int status = CLI_USAGE;
	if (worker_vendors_init(names, config, stderr, &vendors) == 0) {
		process_prepare();
		(void)mallopt(M_ARENA_MAX, MALLOC_ARENAS); /* refused: a little more memory */
		status = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? worker_run(config, &vendors) : CLI_FAILED;
		curl_global_cleanup();
	}
	worker_vendors_fini(&vendors);
	return status;
}

struct arguments {
	const char *vendor;
};

static int check_ports(const struct config *config, FILE *complaints)
{
	struct err err;
	const char *ca_file = config_str(config, CONFIG_VENDOR_CA_FILE);
	int mistakes = service_settings_check(config, complaints) + webhook_check(config, complaints);
	mistakes += otlp_export_check(config, complaints);
	if (ca_file && http_curl_check_ca(ca_file, &err) != ERR_OK && ++mistakes)
		fprintf(complaints, "VERIFYD_VENDOR_CA_FILE: %s\n", err.msg);
	return mistakes;
}

static int check(const struct config *config, FILE *complaints, void *ctx)
{
	const struct arguments *arguments = ctx;
	struct worker_vendors vendors;
	if (!arguments->vendor) {
		fputs("--vendor: missing; name the vendors this worker serves, e.g. --vendor biocatch\n", complaints);
		return 1 + check_ports(config, complaints);
	}
	int mistakes = worker_vendors_init(arguments->vendor, config, complaints, &vendors);
	worker_vendors_fini(&vendors);
	return mistakes + check_ports(config, complaints);
}

int main(int argc, char **argv)
{
	struct arguments arguments = {NULL};
	const struct cli_flag flags[] = {
	        {"--vendor", "NAME[,NAME]", "the vendors whose requests this worker serves", &arguments.vendor},
	};
	const struct cli_spec spec = {
	        .program = "verifyd-worker",
	        .summary = "takes verification requests from Kafka, asks the vendors, stores the results",
	        .reads = CONFIG_WORKER,
	        .flags = flags,
	        .flag_count = sizeof flags / sizeof *flags,
	        .check = check,
	        .check_ctx = &arguments,
	};
	struct config *config = NULL;
	int status = CLI_USAGE;
	if (!cli_start(&spec, argc, argv, &config, &status))
		return status;
	status = run(config, arguments.vendor);
	config_free(config);
	return status;
}
