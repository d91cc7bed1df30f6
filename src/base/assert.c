#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "sluice: broken contract: %s (%s:%d)\n", what, file, line);
	abort();
}
