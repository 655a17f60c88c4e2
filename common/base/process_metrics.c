/* process_metrics: from /proc and the clocks of the process. What cannot be read keeps its last value. */
#include "common/base/process_metrics.h"
#include "common/base/clock.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LABELS_BYTES = 96, US_PER_S = 1000000, US_PER_MS = 1000, NS_PER_US = 1000 };

static void read_memory(const struct process_metrics *process)
{
	int64_t total, resident, page = sysconf(_SC_PAGESIZE);
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return;
	if (fscanf(file, "%" SCNd64 " %" SCNd64, &total, &resident) == 2) {
		metric_set(process->virtual_size, total * page);
		metric_set(process->resident, resident * page);
	}
	(void)fclose(file);
}

static void count_files(const struct process_metrics *process)
{
	enum { NOT_OURS = 3 }; /* ".", "..", and the folder itself while it is read */
	int64_t count = 0;
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		return;
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	metric_set(process->open_files, count > NOT_OURS ? count - NOT_OURS : 0);
}

static void refresh(void *ctx)
{
	const struct process_metrics *process = ctx;
	struct timespec cpu;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		metric_set(process->cpu, (int64_t)cpu.tv_sec * US_PER_S + cpu.tv_nsec / NS_PER_US);
	read_memory(process);
	count_files(process);
}

void process_metrics_start(struct process_metrics *process, struct metrics *metrics, const char *program)
{
	char labels[LABELS_BYTES];
	struct rlimit files;
	snprintf(labels, sizeof labels, "program=\"%s\",version=\"%s\"", program, VERIFYD_VERSION);
	metrics_info(metrics, "verifyd_build", labels, "which program this is, and its version");
	process->cpu = metrics_counter_us(metrics, "process_cpu_seconds", "", "CPU time of user and system");
	metric_set(metrics_gauge_us(metrics, "process_start_time_seconds", "", "when the process started, unix time"),
	           clock_unix_ms() * US_PER_MS);
	process->resident = metrics_gauge(metrics, "process_resident_memory_bytes", "", "memory that is in RAM");
	process->virtual_size = metrics_gauge(metrics, "process_virtual_memory_bytes", "", "address space");
	process->open_files = metrics_gauge(metrics, "process_open_fds", "", "open file descriptors");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur <= INT64_MAX)
		metric_set(metrics_gauge(metrics, "process_max_fds", "", "as many may be open"),
		           (int64_t)files.rlim_cur);
	metrics_refresh_with(metrics, refresh, process);
}
