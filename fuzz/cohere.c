/* cohere.c - requests, answers and streams of Cohere's chat. */
#include "fuzz/lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const str models[] = { STR_INIT("command-a"),
		                      STR_INIT("command-a-reasoning") };
	str text = fuzz_input(data, size);

	lane_request(&wire_cohere, text, models[size % countof(models)]);
	lane_reply(&wire_cohere, text);
	lane_stream(&wire_cohere, text);
	return 0;
}
