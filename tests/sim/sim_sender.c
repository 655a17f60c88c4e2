/* sim_sender: a queue under a lock, emptied into libcurl by one thread. It sends once and repeats nothing. */
#include "tests/sim/sim_sender.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { IDLE_MS = 60000 };

struct sim_sender {
	CURLM *multi;
	struct curl_slist *headers;
	pthread_t thread;
	bool joined;              /* the stopping thread's */
	struct sim_post *running; /* the sender's thread's, and after it the stopping one's */
	size_t running_count;
	pthread_mutex_t lock;
	/* below: under the lock */
	struct sim_post *first, *last;
	size_t count; /* waiting and running */
	bool stopped;
};

/* However long the answer is: only its time is limited. */
static size_t discard(char *data, size_t size, size_t count, void *cls)
{
	(void)data, (void)cls;
	return size * count;
}

/* Returns: the easy handle, ready to go; NULL when memory is short or the URL is of another scheme. */
static CURL *handle_new(const struct sim_sender *sender, struct sim_post *post)
{
	CURL *easy = curl_easy_init();
	if (!easy)
		return NULL;
	bool ok = curl_easy_setopt(easy, CURLOPT_URL, post->url) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->form_len) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post->form) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sender->headers) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_USERAGENT, "vendorsim/" VERIFYD_VERSION) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)SIM_POST_TIMEOUT_MS) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	          curl_easy_setopt(easy, CURLOPT_PRIVATE, post) == CURLE_OK;
	if (ok)
		return easy;
	curl_easy_cleanup(easy);
	return NULL;
}

static void tell(struct sim_sender *sender, struct sim_post *post, long status)
{
	pthread_mutex_lock(&sender->lock);
	sender->count--;
	pthread_mutex_unlock(&sender->lock);
	post->on_done(post, status);
}

static void start(struct sim_sender *sender, struct sim_post *post)
{
	post->easy = handle_new(sender, post);
	if (post->easy && curl_multi_add_handle(sender->multi, post->easy) == CURLM_OK) {
		post->next = sender->running;
		sender->running = post;
		sender->running_count++;
		return;
	}
	curl_easy_cleanup(post->easy);
	tell(sender, post, 0);
}

/* Takes a running post off libcurl and off the list. */
static void finish(struct sim_sender *sender, struct sim_post *post, long status)
{
	struct sim_post **at = &sender->running;
	while (*at != post)
		at = &(*at)->next;
	*at = post->next;
	sender->running_count--;
	curl_multi_remove_handle(sender->multi, post->easy);
	curl_easy_cleanup(post->easy);
	tell(sender, post, status);
}

/* Returns: whether any had ended. */
static bool finish_ended(struct sim_sender *sender)
{
	CURLMsg *message;
	int left = 0;
	bool any = false;
	while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
		struct sim_post *post = NULL;
		long status = 0;
		if (message->data.result == CURLE_OK)
			curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &post);
		finish(sender, post, status);
		any = true;
	}
	return any;
}

/* Returns: the post that has waited longest, NULL when none waits or room is false. *ret_stopped as it is now. */
static struct sim_post *take(struct sim_sender *sender, bool room, bool *ret_stopped)
{
	pthread_mutex_lock(&sender->lock);
	struct sim_post *post = room ? sender->first : NULL;
	if (post) {
		sender->first = post->next;
		if (!sender->first)
			sender->last = NULL;
	}
	*ret_stopped = sender->stopped;
	pthread_mutex_unlock(&sender->lock);
	return post;
}

static void *run(void *arg)
{
	struct sim_sender *sender = arg;
	bool stopped = false;
	while (!stopped) {
		struct sim_post *post;
		int running = 0;
		while ((post = take(sender, sender->running_count < SIM_POSTS_AT_ONCE, &stopped)) != NULL)
			start(sender, post);
		curl_multi_perform(sender->multi, &running);
		bool room_came = finish_ended(sender);
		if (!stopped && !room_came)
			curl_multi_poll(sender->multi, NULL, 0, IDLE_MS, NULL);
	}
	return NULL;
}

static bool start_thread(struct sim_sender *sender)
{
	sender->multi = curl_multi_init();
	sender->headers = curl_slist_append(NULL, "Expect:"); /* no 100-continue before a long form */
	if (sender->multi && sender->headers && pthread_mutex_init(&sender->lock, NULL) == 0) {
		if (pthread_create(&sender->thread, NULL, run, sender) == 0)
			return true;
		pthread_mutex_destroy(&sender->lock);
	}
	curl_slist_free_all(sender->headers);
	curl_multi_cleanup(sender->multi);
	return false;
}

enum err_code sim_sender_new(struct sim_sender **ret_sender, struct err *err)
{
	struct sim_sender *sender = calloc(1, sizeof(*sender));
	if (!sender)
		return err_set(err, ERR_NO_MEMORY, "no memory for the sender");
	if (!start_thread(sender)) {
		free(sender);
		return err_set(err, ERR_INTERNAL, "the sender cannot be started");
	}
	*ret_sender = sender;
	return ERR_OK;
}

enum err_code sim_sender_send(struct sim_sender *sender, struct sim_post *post)
{
	enum err_code code = ERR_OK;
	post->next = NULL;
	post->easy = NULL;
	pthread_mutex_lock(&sender->lock);
	if (sender->stopped) {
		code = ERR_UNAVAILABLE;
	} else if (sender->count == SIM_POSTS_MAX) {
		code = ERR_LIMIT;
	} else {
		if (sender->last)
			sender->last->next = post;
		else
			sender->first = post;
		sender->last = post;
		sender->count++;
	}
	pthread_mutex_unlock(&sender->lock);
	if (code == ERR_OK)
		curl_multi_wakeup(sender->multi);
	return code;
}

void sim_sender_stop(struct sim_sender *sender)
{
	struct sim_post *post;
	bool stopped;
	if (sender->joined)
		return;
	pthread_mutex_lock(&sender->lock);
	sender->stopped = true;
	pthread_mutex_unlock(&sender->lock);
	curl_multi_wakeup(sender->multi);
	pthread_join(sender->thread, NULL);
	sender->joined = true;
	while (sender->running)
		finish(sender, sender->running, 0);
	while ((post = take(sender, true, &stopped)) != NULL)
		tell(sender, post, 0);
}

void sim_sender_free(struct sim_sender *sender)
{
	if (!sender)
		return;
	sim_sender_stop(sender);
	curl_multi_cleanup(sender->multi);
	curl_slist_free_all(sender->headers);
	pthread_mutex_destroy(&sender->lock);
	free(sender);
}
