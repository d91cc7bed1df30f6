/* serve.h - the scripted providers for somebody else's sockets
 * (tests/e2e/unbroken_test.py). */
#pragma once
#include "tests/enum/record.h"

/* Prints `count` random scenes, one a line. */
void serve_sample(unsigned count, unsigned seed);
/* Answers requests on stdin until it ends:
 *	SCENE|ATTEMPT|FORMAT|LENGTH, and the body of a provider's request
 * with a line of JSON about what is to be sent and what would be right, and the bytes. */
int serve_requests(void);
/* The request of a scene's client: its path and its body, a line each. */
void serve_question(const struct scene *s);
