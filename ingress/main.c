/* verifyd-ingress: command line, then ingress_run. */
#include "common/base/cli.h"
#include "common/base/process.h"
#include "ingress/ingress.h"

struct arguments {
	const char *open;
};

static int check(const struct config *config, FILE *complaints, void *ctx)
{
	const struct arguments *arguments = ctx;
	return ingress_check(config, arguments->open != NULL, complaints);
}

int main(int argc, char **argv)
{
	struct arguments arguments = {NULL};
	const struct cli_flag flags[] = {
	        {"--insecure-no-auth", NULL, "take requests without a credential; on a loopback address only",
	         &arguments.open},
	};
	const struct cli_spec spec = {
	        .program = "verifyd-ingress",
	        .summary =
	                "takes verification requests over HTTP, queues them in Kafka, answers when the result is there",
	        .reads = CONFIG_INGRESS,
	        .flags = flags,
	        .flag_count = sizeof flags / sizeof *flags,
	        .check = check,
	        .check_ctx = &arguments,
	};
	struct config *config = NULL;
	int status = CLI_USAGE;
	if (!cli_start(&spec, argc, argv, &config, &status))
		return status;
	process_prepare();
	status = ingress_run(config, arguments.open != NULL);
	config_free(config);
	return status;
}
