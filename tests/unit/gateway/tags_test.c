#include "gateway/tags.h"
#include "tests/check.h"

#include <stdio.h>

static void check_join(const char *of_key, const char *of_request, const char *want)
{
	struct arena a = { 0 };
	str got = tags_join(&a, str_from_z(of_key), str_from_z(of_request));

	CHECK_STR_EQ(got, str_from_z(want));
	arena_done(&a);
}

TEST(tags_of_key_and_request_are_joined)
{
	check_join("", "", "");
	check_join("env=prod", "", "env=prod");
	check_join("", " app = chat , env=test", "app=chat,env=test");
	/* A client does not change what its key is counted under. */
	check_join("env=prod", "env=test,app=chat", "env=prod,app=chat");
	check_join("", "a=1,a=2", "a=1");
}

TEST(tags_are_bounded)
{
	char many[1000] = "", name[40];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d=%d,", i, i);
		strncat(many, name, sizeof(many) - strlen(many) - 1);
	}
	check_join("", many, "n0=0,n1=1,n2=2,n3=3,n4=4,n5=5,n6=6,n7=7");
	check_join("", "=,a,b=,=c,d=e=f,g h=i,j=k l,\xc3\xa4=b,m=\x01,ok=1", "ok=1");
	check_join("", "this-name-is-longer-than-thirty-two-bytes=1,b=2", "b=2");
}
