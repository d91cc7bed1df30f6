#include "base/price.h"

const str price_class_names[PRICE_CLASSES] = {
	[PRICE_INPUT] = STR_INIT("input"),
	[PRICE_CACHE_READ] = STR_INIT("cache_read"),
	[PRICE_CACHE_WRITE] = STR_INIT("cache_write"),
	[PRICE_CACHE_WRITE_1H] = STR_INIT("cache_write_1h"),
	[PRICE_AUDIO_INPUT] = STR_INIT("audio_input"),
	[PRICE_OUTPUT] = STR_INIT("output"),
	[PRICE_REASONING] = STR_INIT("reasoning"),
	[PRICE_AUDIO_OUTPUT] = STR_INIT("audio_output"),
	[PRICE_IMAGE] = STR_INIT("image"),
	[PRICE_REQUEST] = STR_INIT("request"),
	[PRICE_SEARCH] = STR_INIT("search"),
};

/* One word more; the multiplier is odd, so no word is lost, and the shift brings what
 * the multiplication carried up back down. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

uint64_t price_version(const struct price *p)
{
	uint64_t hash = mix(mix(mix(1, p->above), p->source), p->discount);

	for (int i = 0; i < PRICE_CLASSES; i++)
		hash = mix(hash, (uint64_t)p->of[i]);
	return hash ? hash : 1;
}
