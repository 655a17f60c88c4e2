/* console_view_fleet: dead letters with the very commands that look at them and replay them; and the instances. */
#include "common/adapters/console_view_internal.h"
#include "common/base/json_in.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { COMMAND_BYTES = 160 };

/* ---- dead letters ---- */

static void put_dead_class(struct page *page, const struct status_kafka *kafka, enum operation operation)
{
	static const struct {
		const char *what, *command, *flags;
	} rows[] = {{"Why they died", "list", ""},
	            {"What a replay would do", "replay", " --dry-run"},
	            {"Replay them", "replay", ""}};
	const struct operation_info *info = operation_info(operation);
	char command[COMMAND_BYTES];
	put(page, "<article class=\"card dead\"><header><h3>");
	put_name(page, operation);
	put_format(page, "</h3><p class=\"chip bad\">%s", kafka->dead_read < kafka->dead_day ? "at least " : "");
	put_count(page, kafka->dead_by_class[operation]);
	put(page, " in 24 h</p></header>");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)snprintf(command, sizeof command, "verifyctl dead %s --class %s/%s --since 24h%s",
		               rows[i].command, kind_info(info->kind)->vendor, info->name, rows[i].flags);
		put_format(page, "<h4>%s</h4>", rows[i].what);
		put_command(page, command);
	}
	put(page, "</article>");
}

static void put_dead_letters(struct page *page, const struct status_kafka *kafka)
{
	put(page, "<div class=\"cards\">");
	for (unsigned i = 0; i < OPERATION_COUNT; i++)
		if (kafka->dead_by_class[i] > 0)
			put_dead_class(page, kafka, (enum operation)i);
	if (kafka->dead_by_class[OPERATION_COUNT] > 0) {
		put(page, "<article class=\"card dead\"><header><h3>Of no class</h3><p class=\"chip bad\">");
		put_count(page, kafka->dead_by_class[OPERATION_COUNT]);
		put(page, " in 24 h</p></header><p>Records that could not be read: they cannot be replayed. Somebody "
		          "else wrote into a topic of ours.</p>");
		put_command(page, "verifyctl dead list --since 24h");
		put(page, "</article>");
	}
	put(page, "</div>");
}

void put_dead(struct page *page)
{
	const struct status_kafka *kafka = &page->view->picture->kafka;
	put(page, "<section aria-labelledby=\"dead\"><h2 id=\"dead\">Dead letters</h2>");
	if (!kafka->is_up || !kafka->dead_known)
		put(page, "<p>Not to be seen without Kafka.</p>");
	else if (kafka->dead_day == 0)
		put(page, "<p>None in the last 24 hours.</p>");
	else
		put_dead_letters(page, kafka);
	put(page, "</section>");
}

/* ---- instances ---- */

struct row {
	const char *name, *role, *version;
	bool is_fresh, draining;
	int64_t at_ms, started_ms, loop_lag_ms, in_hand;
	const char *what; /* is in hand */
};

static void put_row(struct page *page, const struct row *row)
{
	int64_t now_ms = page->view->picture->redis.now_ms;
	char up[STATUS_SPAN_BYTES], silent[STATUS_SPAN_BYTES];
	status_span((now_ms - row->started_ms) / 1000, up);
	status_span((now_ms - row->at_ms) / 1000, silent);
	put(page, "<tr><th scope=\"row\">");
	put_text(page, row->name);
	put_format(page, "</th><td>%s</td><td>", row->role);
	put_text(page, row->version);
	put_format(page, "</td><td>%s</td><td>%" PRId64 " ms</td><td>", up, row->loop_lag_ms);
	put_count(page, row->in_hand);
	put_format(page, " %s</td><td>", row->what);
	if (!row->is_fresh)
		put_format(page, "<span class=\"chip bad\">silent for %s</span>", silent);
	else
		put_format(page, "<span class=\"chip %s\">%s</span>", row->draining ? "note" : "good",
		           row->draining ? "draining" : "works");
	put(page, "</td></tr>");
}

static void put_worker(struct page *page, const struct status_worker *worker)
{
	int64_t in_hand = 0;
	for (size_t i = 0; i < worker->now.class_count; i++)
		in_hand += worker->now.classes[i].in_flight;
	put_row(page, &(struct row){.name = worker->name,
	                            .role = "worker",
	                            .version = worker->now.version,
	                            .is_fresh = worker->is_fresh,
	                            .draining = worker->now.draining,
	                            .at_ms = worker->now.at_ms,
	                            .started_ms = worker->now.started_ms,
	                            .loop_lag_ms = worker->now.loop_lag_ms,
	                            .in_hand = in_hand,
	                            .what = "in hand"});
}

static void put_ingress(struct page *page, const struct status_ingress *ingress)
{
	put_row(page, &(struct row){.name = ingress->name,
	                            .role = "ingress",
	                            .version = ingress->now.version,
	                            .is_fresh = ingress->is_fresh,
	                            .draining = ingress->now.draining,
	                            .at_ms = ingress->now.at_ms,
	                            .started_ms = ingress->now.started_ms,
	                            .loop_lag_ms = ingress->now.loop_lag_ms,
	                            .in_hand = ingress->now.held,
	                            .what = "held"});
}

/* Without Redis nobody else can be seen. */
static void put_self(struct page *page)
{
	struct json_in *root = NULL;
	put(page, "<p>Without Redis only the process that shows this page can be seen: ");
	put_text(page, page->view->program);
	put(page, ".</p><dl class=\"self\">");
	if (json_in_parse(page->view->health, strlen(page->view->health), &root, NULL) == ERR_OK) {
		for (const struct json_in *each = json_in_first(root); each; each = json_in_next(each)) {
			put(page, "<div><dt>");
			put_text(page, json_in_name(each));
			put(page, "</dt><dd>");
			if (json_in_type(each) == JSON_IN_INTEGER)
				put_count(page, json_in_integer(each));
			else if (json_in_text(each))
				put_text(page, json_in_text(each));
			else
				put(page, json_in_type(each) == JSON_IN_TRUE ? "yes" : "no");
			put(page, "</dd></div>");
		}
		json_in_free(root);
	}
	put(page, "</dl>");
}

static void put_table(struct page *page, const struct status_picture *picture)
{
	size_t shown = 0, all = picture->ingresses.count + picture->workers.count;
	put(page, "<table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Program</th><th "
	          "scope=\"col\">Version</th><th scope=\"col\">Up</th><th scope=\"col\">Loop lag</th><th "
	          "scope=\"col\">Work</th><th scope=\"col\">State</th></tr></thead><tbody>");
	for (size_t i = 0; i < picture->ingresses.count && shown < CONSOLE_INSTANCES_SHOWN; i++, shown++)
		put_ingress(page, &picture->ingresses.list[i]);
	for (size_t i = 0; i < picture->workers.count && shown < CONSOLE_INSTANCES_SHOWN; i++, shown++)
		put_worker(page, &picture->workers.list[i]);
	put(page, "</tbody></table>");
	if (shown < all)
		put_format(page, "<p>and %zu more: <code>verifyctl status --json</code> shows all</p>", all - shown);
}

void put_instances(struct page *page)
{
	const struct status_picture *picture = page->view->picture;
	put(page, "<section aria-labelledby=\"instances\"><h2 id=\"instances\">Instances</h2>");
	if (!picture->redis.is_up)
		put_self(page);
	else if (picture->ingresses.count + picture->workers.count == 0)
		put(page, "<p>None has said anything yet.</p>");
	else
		put_table(page, picture);
	put(page, "</section>");
}
