#include "loop/net.h"

#include "tests/check.h"

static const struct {
	const char *text; /* an address without port */
	bool is_private;
} judged[] = {
	/* guarantees 4.4, and the edges of each block */
	{ "0.0.0.0", true },
	{ "0.1.2.3", true },
	{ "1.1.1.1", false },
	{ "8.8.8.8", false },
	{ "9.255.255.255", false },
	{ "10.0.0.0", true },
	{ "10.255.255.255", true },
	{ "11.0.0.0", false },
	{ "100.63.255.255", false },
	{ "100.64.0.0", true },
	{ "100.100.100.200", true },
	{ "100.127.255.255", true },
	{ "100.128.0.0", false },
	{ "127.0.0.1", true },
	{ "127.255.255.254", true },
	{ "168.63.129.16", true },
	{ "168.63.129.17", false },
	{ "169.253.255.255", false },
	{ "169.254.169.254", true },
	{ "169.255.0.0", false },
	{ "172.15.255.255", false },
	{ "172.16.0.0", true },
	{ "172.31.255.255", true },
	{ "172.32.0.0", false },
	{ "192.0.0.192", true },
	{ "192.0.1.0", false },
	{ "192.0.2.1", true },
	{ "192.167.255.255", false },
	{ "192.168.0.1", true },
	{ "192.169.0.0", false },
	{ "198.17.255.255", false },
	{ "198.18.0.0", true },
	{ "198.19.255.255", true },
	{ "198.20.0.0", false },
	{ "198.51.100.7", true },
	{ "203.0.113.7", true },
	{ "223.255.255.255", false },
	{ "224.0.0.1", true },
	{ "239.255.255.255", true },
	{ "240.0.0.1", true },
	{ "255.255.255.255", true },
	{ "::", true },
	{ "::1", true },
	{ "::7f00:1", true },
	{ "fe80::1", true },
	{ "febf::1", true },
	{ "fec0::1", true },
	{ "fc00::1", true },
	{ "fd00:ec2::254", true },
	{ "ff02::1", true },
	{ "::ffff:127.0.0.1", true },
	{ "::ffff:10.1.2.3", true },
	{ "::ffff:169.254.169.254", true },
	{ "::ffff:8.8.8.8", false },
	{ "::ffff:0:8.8.8.8", true },
	{ "64:ff9b::127.0.0.1", true },
	{ "64:ff9b::a9fe:a9fe", true },
	{ "64:ff9b::8.8.8.8", false },
	{ "64:ff9b:1::8.8.8.8", true },
	{ "2002:7f00:1::", true },
	{ "2002:a9fe:a9fe::1", true },
	{ "2002:c0a8:101::1", true },
	{ "2002:808:808::1", false },
	{ "2001::1", true },
	{ "2001:1ff::1", true },
	{ "2001:200::1", false },
	{ "2001:db8::1", true },
	{ "2001:4860:4860::8888", false },
	{ "2606:4700::1111", false },
	{ "3fff::1", true },
	{ "3fff:1000::1", false },
	{ "4000::1", true },
	{ "1fff::1", true },
	{ "100::1", true },
};

TEST(net_knows_what_the_public_internet_cannot_be)
{
	for (size_t i = 0; i < countof(judged); i++) {
		struct net_addr a;
		str text = str_from_z(judged[i].text);

		if (!CHECK(net_parse_ip(text, 443, &a)))
			continue;
		if (net_is_private(&a) != judged[i].is_private)
			check_failed(__FILE__, __LINE__, "%s: private is %d",
			             judged[i].text, !judged[i].is_private);
	}
	CHECK(net_is_private(&(struct net_addr){ 0 }));
}

/* No other spelling of an address, nothing before or after it. */
static const char *const refused_ips[] = {
	"",
	"127.1",
	"127.0.1",
	"2130706433",
	"0x7f000001",
	"0177.0.0.1",
	"0x7f.0.0.1",
	"127.0.0.01",
	"127.0.0.256",
	"127.0.0.1.",
	" 127.0.0.1",
	"127.0.0.1 ",
	"127.0.0.1\r\n",
	"127.0.0.1%00",
	"1.2.3.4.5",
	"127.0.0.-1",
	"+127.0.0.1",
	"127.0.0.1/8",
	"user@127.0.0.1",
	"127.0.0.1#x",
	"[::1]",
	"fe80::1%eth0",
	"fe80::1%1",
	"::1%lo",
	":::1",
	"::1::",
	"1:2:3:4:5:6:7",
	"::12345",
	"::ffff:127.0.0.256",
	"::ffff:0177.0.0.1",
	"localhost",
	"１２７.0.0.1",
	"127。0。0。1",
	"0",
	"127.0.0.1\\",
};

TEST(net_takes_one_spelling_of_an_address_only)
{
	struct net_addr a;

	for (size_t i = 0; i < countof(refused_ips); i++) {
		if (net_parse_ip(str_from_z(refused_ips[i]), 1, &a))
			check_failed(__FILE__, __LINE__, "taken: %s", refused_ips[i]);
	}
	CHECK(!net_parse_ip(STR("127.0.0.1\0"), 1, &a));
	CHECK(!net_parse_ip(STR("127.0.0.1\0.example.com"), 1, &a));
}

static const struct {
	const char *text, *printed, *ip;
	int port;
} spelled[] = {
	{ "127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080 },
	{ "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", 0 },
	{ "[::1]:65535", "[::1]:65535", "::1", 65535 },
	{ "[0:0::FFFF:1.2.3.4]:1", "[::ffff:1.2.3.4]:1", "::ffff:1.2.3.4", 1 },
	{ "unix:/run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock", 0 },
	{ "unix:@abstract", "unix:@abstract", "unix:@abstract", 0 },
	{ "unix:relative", "unix:relative", "unix:relative", 0 },
};

TEST(net_prints_what_it_reads)
{
	struct buf text = BUF_LIMIT(200);
	struct net_addr a, again;

	for (size_t i = 0; i < countof(spelled); i++) {
		if (!CHECK(net_parse(str_from_z(spelled[i].text), &a)))
			continue;
		buf_clear(&text);
		net_print(&a, &text);
		CHECK_STR_EQ(buf_str(&text), str_from_z(spelled[i].printed));
		CHECK(net_parse(buf_str(&text), &again) && net_eq(&a, &again));
		CHECK_INT(net_port(&a), spelled[i].port);
		buf_clear(&text);
		net_print_ip(&a, &text);
		CHECK_STR_EQ(buf_str(&text), str_from_z(spelled[i].ip));
	}
	buf_clear(&text);
	net_print(&(struct net_addr){ 0 }, &text);
	CHECK_STR(buf_str(&text), "");
	buf_free(&text);
}

static const char *const refused[] = {
	"",
	"127.0.0.1",
	"127.0.0.1:",
	"127.0.0.1:65536",
	"127.0.0.1:99999999999",
	"127.0.0.1:080",
	"127.0.0.1:+80",
	"127.0.0.1: 80",
	"127.0.0.1:80 ",
	"127.0.0.1:http",
	":8080",
	"*:8080",
	"::1:8080",
	"::1",
	"[::1]",
	"[::1]8080",
	"[127.0.0.1]:80",
	"[::1%lo]:80",
	"[::1]]:80",
	"localhost:80",
	"unix:",
	"unix:@",
	"http://127.0.0.1:80",
};

TEST(net_refuses_half_addresses)
{
	char path[200] = "unix:";
	struct net_addr a;

	for (size_t i = 0; i < countof(refused); i++) {
		if (net_parse(str_from_z(refused[i]), &a))
			check_failed(__FILE__, __LINE__, "taken: %s", refused[i]);
	}
	memset(path + 5, 'x', 107);
	CHECK(net_parse(str_of(path, 5 + 107), &a));
	path[5 + 107] = 'x';
	CHECK(!net_parse(str_of(path, 5 + 108), &a));
	CHECK(!net_parse(STR("unix:/run/\0/x"), &a));
}

TEST(net_compares_and_unmaps)
{
	struct net_addr a, b;

	CHECK(net_parse(STR("1.2.3.4:5"), &a) &&
	      net_parse(STR("[::ffff:1.2.3.4]:5"), &b));
	CHECK(!net_eq(&a, &b));
	net_unmap(&b);
	CHECK(net_eq(&a, &b));
	CHECK(net_parse(STR("1.2.3.4:6"), &b) && !net_eq(&a, &b));
	CHECK(net_parse(STR("[::1]:5"), &a) && net_parse(STR("[::2]:5"), &b) &&
	      !net_eq(&a, &b));
	CHECK(net_parse(STR("unix:a"), &a) && net_parse(STR("unix:@a"), &b) &&
	      !net_eq(&a, &b));
	CHECK(net_eq(&(struct net_addr){ 0 }, &(struct net_addr){ 0 }));
}

TEST(net_knows_loopback)
{
	static const char *const loopback[] = { "127.0.0.1:1", "127.9.9.9:1", "[::1]:1",
		                                "[::ffff:127.0.0.1]:1", "unix:/x" };
	static const char *const other[] = { "0.0.0.0:1", "128.0.0.1:1", "[::]:1",
		                             "[::2]:1", "[::ffff:10.0.0.1]:1" };
	struct net_addr a;

	for (size_t i = 0; i < countof(loopback); i++)
		CHECK(net_parse(str_from_z(loopback[i]), &a) && net_is_loopback(&a));
	for (size_t i = 0; i < countof(other); i++)
		CHECK(net_parse(str_from_z(other[i]), &a) && !net_is_loopback(&a));
	CHECK(!net_is_loopback(&(struct net_addr){ 0 }));
}
