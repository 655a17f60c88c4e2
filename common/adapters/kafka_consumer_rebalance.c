/* kafka_consumer_rebalance: an assignment begins and ends. A revoke is answered late on purpose: rd_kafka_assign(NULL),
 * which commits what is stored, is called when the records that are out are done, or after revoke_wait_ms. Until then
 * librdkafka stays in its rebalance (it still sends heartbeats) and the loop goes on. */
#include "common/adapters/kafka_consumer_internal.h"

void consumer_forget_parts(struct kafka_consumer *consumer)
{
	consumer_free_dropped(consumer);
	kafka_parts_clear(&consumer->parts);
	consumer->current = 0;
	consumer->generation++;
}

static void tell_assignment(struct kafka_consumer *consumer, const char *event, size_t left)
{
	log_info(event, LOG_STR("group", consumer->group), LOG_INT("partitions", consumer->parts.count),
	         LOG_INT("records_left", left));
	if (consumer->options.on_assignment && !consumer->is_closing)
		consumer->options.on_assignment(consumer->options.ctx, consumer->parts.count);
}

static void assign(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t error = rd_kafka_assign(consumer->rk, list);
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		consumer_fail(consumer, rd_kafka_err2name(error));
}

static void on_assigned(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
	consumer_forget_parts(consumer);
	if (kafka_parts_make(&consumer->parts, list, consumer->options.max_span) != ERR_OK ||
	    kafka_parts_split(consumer->rk, &consumer->parts, consumer->fd) != ERR_OK) {
		consumer_fail(consumer, "out of memory");
		assign(consumer, NULL);
		return;
	}
	assign(consumer, list);
	if (consumer->is_stopped)
		consumer_pause(consumer, PAUSE_STOP, true);
	kafka_wake_set(consumer->fd); /* what an earlier assignment has left in a queue keeps it from signalling */
	tell_assignment(consumer, "kafka_assigned", 0);
}

void consumer_finish_revoke(struct kafka_consumer *consumer)
{
	size_t left = consumer->current;
	(void)uv_timer_stop(&consumer->revoke);
	consumer->is_revoking = false;
	consumer_pause(consumer, PAUSE_ANY, false); /* librdkafka has a pause of its own on them: nothing is fetched */
	assign(consumer, NULL);
	consumer_forget_parts(consumer);
	tell_assignment(consumer, "kafka_revoked", left);
}

static void on_revoke_timeout(uv_timer_t *timer)
{
	consumer_finish_revoke(timer->data);
}

void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *list,
                           void *opaque)
{
	struct kafka_consumer *consumer = opaque;
	if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		on_assigned(consumer, list);
		return;
	}
	bool may_wait = !consumer->is_leaving && error == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS &&
	                !rd_kafka_assignment_lost(rk) && consumer->current > 0 &&
	                consumer->options.revoke_wait_ms > 0 && !consumer->is_closing;
	if (!may_wait) {
		consumer_finish_revoke(consumer);
		return;
	}
	consumer->is_revoking = true;
	if (consumer->options.on_revoke)
		consumer->options.on_revoke(consumer->options.ctx);
	if (consumer->current == 0)
		consumer_finish_revoke(consumer);
	else
		(void)uv_timer_start(&consumer->revoke, on_revoke_timeout, (uint64_t)consumer->options.revoke_wait_ms,
		                     0);
}

void consumer_leave_when_stopped(struct kafka_consumer *consumer)
{
	bool is_due = consumer->current == 0 || uv_now(consumer->tick.loop) >= consumer->leave_at_ms;
	if (!consumer->is_stopped || !is_due || consumer->is_leaving || consumer->is_static || consumer->is_fatal)
		return;
	consumer->is_leaving = true;
	if (consumer->is_revoking)
		consumer_finish_revoke(consumer);
	(void)rd_kafka_unsubscribe(consumer->rk); /* heard of by consumer_on_rebalance; nothing here depends on it */
}
