/* bedrock.c - requests, answers and streams of Bedrock's Converse. */
#include "fuzz/lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const str models[] = { STR_INIT("claude-sonnet-4-5"), STR_INIT("nova-2"),
		                      STR_INIT("llama"), STR_INIT("zai.glm") };
	str text = fuzz_input(data, size);

	lane_request(&wire_bedrock, text, models[size % countof(models)]);
	lane_reply(&wire_bedrock, text);
	lane_stream(&wire_bedrock, text);
	return 0;
}
