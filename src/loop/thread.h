/* thread.h - named threads. Signals are for the main thread: all others block them. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

bool thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg);
