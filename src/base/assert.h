/* assert.h - contracts.  They stay on in release builds: a broken one aborts with the
 * place and the text, because going on with a wrong ledger is worse than a restart. */
#pragma once
#include "base/compiler.h"

no_return cold void assert_failed(const char *what, const char *file, int line);

#undef assert
#define assert(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
