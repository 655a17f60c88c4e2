/*
 * C11 threads for builds with ThreadSanitizer: thrd_, mtx_, cnd_ and call_once made of their POSIX equals.
 *
 * librdkafka is built on C11 threads, which ThreadSanitizer (gcc 12 to 14, clang to 19) does not know: a thread that
 * glibc's thrd_create begins has no state of the sanitizer's and crashes it at its first mutex, and mtx_lock orders
 * nothing in its eyes. Linked before libc, these take their place; the sanitizer sees the pthread calls inside.
 *
 * glibc keeps a mutex in mtx_t, a condition in cnd_t and an int in once_flag, as for their POSIX equals, but that its
 * own functions are not used: objects are made, used and ended by these alone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mutex fits");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a condition fits");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t) && PTHREAD_ONCE_INIT == 0,
               "ONCE_FLAG_INIT is PTHREAD_ONCE_INIT");

struct beginning {
	thrd_start_t run;
	void *arg;
};

static int result_of(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *mutex(mtx_t *self)
{
	return (void *)self;
}

static pthread_cond_t *condition(cnd_t *self)
{
	return (void *)self;
}

static void *run(void *given)
{
	struct beginning beginning = *(struct beginning *)given;

	free(given);
	return (void *)(intptr_t)beginning.run(beginning.arg);
}

int thrd_create(thrd_t *ret_thread, thrd_start_t start, void *arg)
{
	struct beginning *given = malloc(sizeof(*given));
	int error;

	if (!given)
		return thrd_nomem;
	*given = (struct beginning){start, arg};
	error = pthread_create(ret_thread, NULL, run, given);
	if (error)
		free(given);
	return result_of(error);
}

int thrd_join(thrd_t thread, int *ret_result)
{
	void *result;
	int error = pthread_join(thread, &result);

	if (!error && ret_result)
		*ret_result = (int)(intptr_t)result;
	return result_of(error);
}

int mtx_init(mtx_t *self, int type)
{
	pthread_mutexattr_t attributes;
	int error = pthread_mutexattr_init(&attributes);

	if (error)
		return result_of(error);
	pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
	error = pthread_mutex_init(mutex(self), &attributes);
	pthread_mutexattr_destroy(&attributes);
	return result_of(error);
}

int mtx_lock(mtx_t *self)
{
	return result_of(pthread_mutex_lock(mutex(self)));
}

int mtx_trylock(mtx_t *self)
{
	return result_of(pthread_mutex_trylock(mutex(self)));
}

int mtx_timedlock(mtx_t *restrict self, const struct timespec *restrict end)
{
	return result_of(pthread_mutex_timedlock(mutex(self), end));
}

int mtx_unlock(mtx_t *self)
{
	return result_of(pthread_mutex_unlock(mutex(self)));
}

void mtx_destroy(mtx_t *self)
{
	pthread_mutex_destroy(mutex(self));
}

int cnd_init(cnd_t *self)
{
	return result_of(pthread_cond_init(condition(self), NULL));
}

int cnd_signal(cnd_t *self)
{
	return result_of(pthread_cond_signal(condition(self)));
}

int cnd_broadcast(cnd_t *self)
{
	return result_of(pthread_cond_broadcast(condition(self)));
}

int cnd_wait(cnd_t *self, mtx_t *held)
{
	return result_of(pthread_cond_wait(condition(self), mutex(held)));
}

int cnd_timedwait(cnd_t *restrict self, mtx_t *restrict held, const struct timespec *restrict end)
{
	return result_of(pthread_cond_timedwait(condition(self), mutex(held), end));
}

void cnd_destroy(cnd_t *self)
{
	pthread_cond_destroy(condition(self));
}

void call_once(once_flag *flag, void (*function)(void))
{
	pthread_once((pthread_once_t *)(void *)flag, function);
}
