/* redis_store_journeys: a person's journeys, the browser that each belongs to, where it stands in the queue, and the
 * vendor's names for them. */
#include "common/adapters/redis_store_internal.h"
#include "common/base/decimal.h"
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000 };

/* Beyond the day that is counted, only the newest matters; names outlive the default retention of `results` by a day.
 */
static const int64_t forget_after_ms = 2 * (int64_t)DAY_MS;
const int64_t store_names_ttl_ms = 31 * (int64_t)DAY_MS;

/* As the scripts say. */
_Static_assert(SUBJECT_OURS == 0 && SUBJECT_ANOTHERS == 1 && SUBJECT_TOO_MANY == 2 && SUBJECT_REBUILDING == 3,
               "subject_script");
_Static_assert(BROWSER_OURS == 0 && BROWSER_ANOTHER == 1 && BROWSER_UNKNOWN == 2, "browser_script");

void store_key_of_subject(char out[KEY_BYTES], const char *question)
{
	store_key(out, (const char *[]){"verifyd:s:", question, NULL});
}

/* A vendor's reference is a GUID, which is the same in either case. */
void store_key_of_reference(char out[KEY_BYTES], const char *vendor, const char *reference)
{
	store_key(out, (const char *[]){"verifyd:ref:", vendor, ":", reference, NULL});
	for (char *c = out + strlen("verifyd:ref:") + strlen(vendor) + 1; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* ---- journeys ---- */

static void on_subject(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	enum subject_claim claim = good ? (enum subject_claim)reply->element[0]->integer : SUBJECT_REBUILDING;
	const char *holder = good && reply->element[1]->type == REDIS_REPLY_STRING ? reply->element[1]->str : "";
	if (claim == SUBJECT_ANOTHERS && !id_is_valid(holder, strlen(holder)))
		good = false;
	call->fn.subject(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, claim, holder);
	free(call);
}

enum err_code redis_store_claim_subject(struct redis_store *store, const char *question, const char *id,
                                        int64_t created_ms, const char *over, int max_a_day, store_subject_fn fn,
                                        void *ctx)
{
	char key[KEY_BYTES], created[NUMBER_BYTES], most[NUMBER_BYTES], forget[NUMBER_BYTES], ttl[NUMBER_BYTES];
	store_key_of_subject(key, question);
	decimal_write(created_ms, created);
	decimal_write(max_a_day, most);
	decimal_write(forget_after_ms, forget);
	decimal_write(store_names_ttl_ms, ttl);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.subject = fn;
	return store_send_script(
	        call, on_subject, SCRIPT_SUBJECT, 2,
	        (const char *[]){key, KEY_EPOCH, id, created, over ? over : "", most, forget, ttl, NULL});
}

/* ---- browsers ---- */

static void on_browser(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply) && reply->type == REDIS_REPLY_INTEGER;
	call->fn.browser(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE,
	                 good ? (enum browser)reply->integer : BROWSER_UNKNOWN);
	free(call);
}

enum err_code redis_store_browser(struct redis_store *store, const char *id, const char *browser, int64_t ticket_ms,
                                  int64_t ttl_ms, store_browser_fn fn, void *ctx)
{
	char key[KEY_BYTES], ticket[NUMBER_BYTES], ttl[NUMBER_BYTES];
	store_key(key, (const char *[]){"verifyd:browser:{", id, "}", NULL});
	decimal_write(ticket_ms, ticket);
	decimal_write(ttl_ms, ttl);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.browser = fn;
	return store_send_script(call, on_browser, SCRIPT_BROWSER, 1,
	                         (const char *[]){key, browser, ticket, ttl, NULL});
}

/* ---- places in the queue ---- */

static void key_of_place(char out[KEY_BYTES], const char *id)
{
	store_key(out, (const char *[]){"verifyd:place:{", id, "}", NULL});
}

void redis_store_note_place(struct redis_store *store, const char *id, int32_t partition, int64_t offset)
{
	char key[KEY_BYTES], ttl[NUMBER_BYTES], place[2 * NUMBER_BYTES];
	key_of_place(key, id);
	decimal_write(STORE_PLACE_TTL_S, ttl);
	char *end = decimal_write(partition, place);
	*end++ = ':';
	decimal_write(offset, end);
	store_send_idly(store, "place", 6, (const char *[]){"SET", key, place, "EX", ttl, "NX"});
}

/* PARTITION:OFFSET. */
static bool read_place(const struct redisReply *reply, int32_t *ret_partition, int64_t *ret_offset)
{
	int64_t partition, offset;
	const char *colon = memchr(reply->str, ':', reply->len);
	if (!colon || decimal_parse(reply->str, (size_t)(colon - reply->str), INT32_MAX, &partition) != ERR_OK ||
	    decimal_parse(colon + 1, reply->len - (size_t)(colon + 1 - reply->str), INT64_MAX, &offset) != ERR_OK)
		return false;
	*ret_partition = (int32_t)partition;
	*ret_offset = offset;
	return true;
}

static void on_place(void *ctx, const struct redisReply *reply)
{
	struct store_call *call = ctx;
	bool good = !store_reply_failed(call->store, reply);
	int32_t partition = -1;
	int64_t offset = 0;
	if (good && reply->type == REDIS_REPLY_STRING)
		(void)read_place(reply, &partition, &offset);
	call->fn.place(call->ctx, good ? ERR_OK : ERR_UNAVAILABLE, partition, offset);
	free(call);
}

enum err_code redis_store_place(struct redis_store *store, const char *id, store_place_fn fn, void *ctx)
{
	char key[KEY_BYTES];
	key_of_place(key, id);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.place = fn;
	return store_send(call, on_place, 2, (const char *[]){"GET", key}, NULL);
}

/* ---- references ---- */

void redis_store_name_reference(struct redis_store *store, const char *vendor, const char *reference, const char *id)
{
	char key[KEY_BYTES], ttl[NUMBER_BYTES];
	store_key_of_reference(key, vendor, reference);
	decimal_write(store_names_ttl_ms, ttl);
	store_send_idly(store, "reference", 5, (const char *[]){"SET", key, id, "PX", ttl});
}

enum err_code redis_store_by_reference(struct redis_store *store, const char *vendor, const char *reference,
                                       store_get_fn fn, void *ctx)
{
	char key[KEY_BYTES];
	store_key_of_reference(key, vendor, reference);
	struct store_call *call = store_call_new(store, ctx, 0);
	if (call)
		call->fn.get = fn;
	return store_send(call, store_on_text, 2, (const char *[]){"GET", key}, NULL);
}
