/* crc32c.c - the checksum of the journal and of the ledger's files.
 *
 * The CPU's instruction takes eight bytes at a time; a CPU without it gets a table of
 * sixteen words, half a byte at a time, which is slow and small and always right. */
#include "codec/crc32c.h"

uint32_t crc32c_portable(uint32_t crc, str bytes)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	crc = ~crc;
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, str bytes)
{
	uint64_t sum = ~crc, word;

	for (; bytes.len >= sizeof(word); bytes = str_from(bytes, sizeof(word))) {
		memcpy(&word, bytes.ptr, sizeof(word));
		sum = __builtin_ia32_crc32di(sum, word);
	}
	crc = (uint32_t)sum;
	for (size_t i = 0; i < bytes.len; i++)
		crc = __builtin_ia32_crc32qi(crc, (unsigned char)bytes.ptr[i]);
	return ~crc;
}
#endif

uint32_t crc32c(uint32_t crc, str bytes)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, bytes);
#endif
	return crc32c_portable(crc, bytes);
}
