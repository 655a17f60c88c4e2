/* sim_sender: posts forms to whom a vendor calls back. One thread and libcurl's multi interface; each post has a
 * connection of its own, because libcurl sends a post again, unseen, when a kept connection turns out to be dead. */
#ifndef SIM_SENDER_H
#define SIM_SENDER_H

#include "common/base/err.h"
#include <stddef.h>

enum {
	SIM_POSTS_MAX = 100000,     /* waiting and on their way */
	SIM_POSTS_AT_ONCE = 64,     /* connections; more posts wait for one */
	SIM_POST_TIMEOUT_MS = 10000 /* from the start of its transfer to the end of the answer */
};

struct sim_sender;

/* One post. The owner keeps it, url and form until on_done. */
struct sim_post {
	const char *url;
	const char *form;
	size_t form_len;
	/* Called once, by the sender's thread or by sim_sender_stop, without locks held. status: of the answer; 0: none */
	void (*on_done)(struct sim_post *post, long status);
	/* below: the sender's */
	struct sim_post *next;
	void *easy;
};

/* curl_global_init must have been called. */
enum err_code sim_sender_new(struct sim_sender **ret_sender, struct err *err) WARN_UNUSED;

/* Returns: ERR_OK: on_done is called once; ERR_UNAVAILABLE (stopped) or ERR_LIMIT: never. Thread: any. */
enum err_code sim_sender_send(struct sim_sender *sender, struct sim_post *post) WARN_UNUSED;

/* Breaks off what is on its way (status 0) and takes nothing more. Blocks: until the thread has ended. Thread: one. */
void sim_sender_stop(struct sim_sender *sender);
void sim_sender_free(struct sim_sender *sender); /* accepts NULL; stops first if need be */

#endif
