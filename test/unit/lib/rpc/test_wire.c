/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of lib/rpc/wire.c. */
#include "lib/rpc/wire.h"

#include "test/unit/lib/rpc/fixture.h"

/* NULL, or the message of the error. */
static char *
check(const ProtobufCMessageDescriptor *d, const void *data, size_t size)
{
	DM_AUTO(dm_err) err = dm_rpc_wire_check(d, data, size);

	return err == NULL ? NULL : g_strdup(err->message);
}

#define CHECK(d, bytes) check(&(d), bytes, sizeof(bytes) - 1)

START_TEST(plain_messages_pass)
{
	ck_assert_ptr_null(CHECK(pb__start_task_request__descriptor, ""));
	ck_assert_ptr_null(CHECK(pb__start_task_request__descriptor,
	    "\x0a\x03"
	    "t\xc3\xbc\x18\x01\x12\x01s\x12\x00"));
	/* Unknown numbers of every wire type are skipped. */
	ck_assert_ptr_null(CHECK(pb__start_task_request__descriptor,
	    "\x78\x96\x01\x7a\x02\xff\xff\x7d"
	    "abcd\x79"
	    "abcdefgh"));
}
END_TEST

START_TEST(strings_are_checked_wherever_they_stand)
{
	static const struct {
		const ProtobufCMessageDescriptor *d;
		const char *bytes;
		const char *field;
	} cases[] = {
		{ &pb__start_task_request__descriptor, "\x0a\x01\xff",
		    "pb.StartTaskRequest.task" },
		/* repeated: the second one */
		{ &pb__start_task_request__descriptor,
		    "\x12\x01"
		    "a\x12\x02\xc3\x28",
		    "pb.StartTaskRequest.sources" },
		/* in a oneof, in a message, repeated */
		{ &dm__v1__worker_message__descriptor, "\x0a\x03\x12\x01\xff",
		    "dm.v1.Hello.features" },
		/* a surrogate */
		{ &dm__v1__worker_message__descriptor,
		    "\x0a\x05\x1a\x03\xed\xa0\x80", "dm.v1.Hello.name" },
	};
	const char *bytes = cases[_i].bytes;
	g_autofree char *text = check(cases[_i].d, bytes, strlen(bytes));

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(strstr(text, cases[_i].field) != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "invalid UTF-8"));
}
END_TEST

START_TEST(nul_in_a_string_is_refused)
{
	g_autofree char *text =
	    CHECK(pb__start_task_request__descriptor, "\x0a\x03"
						      "a\0b");

	ck_assert_ptr_nonnull(text);
}
END_TEST

START_TEST(cut_off_bytes_are_an_error)
{
	static const char whole[] = "\x0a\x07\x1a\x01n\x28\x80\x80\x01";
	g_autofree char *text = NULL;

	ck_assert_ptr_null(CHECK(dm__v1__worker_message__descriptor, whole));
	for (size_t n = 1; n < sizeof(whole) - 1; n++) {
		g_autofree char *t =
		    check(&dm__v1__worker_message__descriptor, whole, n);

		ck_assert_ptr_nonnull(t);
	}
	/* A length beyond all memory, a varint without an end, a group. */
	text = CHECK(dm__v1__worker_message__descriptor,
	    "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	ck_assert_ptr_nonnull(text);
	g_free(text);
	text = CHECK(dm__v1__worker_message__descriptor,
	    "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	ck_assert_ptr_nonnull(text);
	g_free(text);
	text = CHECK(dm__v1__worker_message__descriptor, "\x0b\x0c");
	ck_assert_ptr_nonnull(text);
}
END_TEST

START_TEST(endless_merging_is_refused)
{
	g_autoptr(GByteArray) b = g_byte_array_new();
	g_autofree char *text = NULL;

	for (int i = 0; i < 1000; i++)
		g_byte_array_append(b, (const guint8 *)"\x0a\x00", 2);
	text = check(&dm__v1__worker_message__descriptor, b->data, b->len);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "too many times"));
}
END_TEST

START_TEST(too_many_fields_are_refused)
{
	const size_t fields = (1u << 20) + 1;
	g_autofree char *bytes = g_malloc(2 * fields);
	g_autofree char *text = NULL;

	for (size_t i = 0; i < fields; i++) {
		bytes[2 * i] = 0x12;
		bytes[2 * i + 1] = 0;
	}
	ck_assert_ptr_null(
	    check(&pb__start_task_request__descriptor, bytes, 2 * fields - 2));
	text = check(&pb__start_task_request__descriptor, bytes, 2 * fields);
	ck_assert_ptr_nonnull(text);
}
END_TEST

/* A message type that contains itself. */
static ProtobufCFieldDescriptor self_field = {
	.name = "self",
	.id = 1,
	.label = PROTOBUF_C_LABEL_NONE,
	.type = PROTOBUF_C_TYPE_MESSAGE,
};
static const ProtobufCIntRange self_range[] = { { 1, 0 }, { 0, 1 } };
static const ProtobufCMessageDescriptor self = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "test.Self",
	.n_fields = 1,
	.fields = &self_field,
	.n_field_ranges = 1,
	.field_ranges = self_range,
};

/* `depth` messages, one in the other. */
static char *
check_nested(size_t depth)
{
	g_autofree char *bytes = g_malloc(2 * depth);

	self_field.descriptor = &self;
	for (size_t i = 0; i < depth; i++) {
		bytes[2 * i] = 0x0a;
		bytes[2 * i + 1] = (char)(2 * (depth - i) - 2);
	}
	return check(&self, bytes, 2 * depth);
}

START_TEST(deep_nesting_is_refused)
{
	g_autofree char *text = NULL;

	ck_assert_ptr_null(check_nested(63));
	text = check_nested(64);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "deeper"));
}
END_TEST

static void
fill(TCase *tc)
{
	tcase_add_test(tc, plain_messages_pass);
	tcase_add_loop_test(tc, strings_are_checked_wherever_they_stand, 0, 4);
	tcase_add_test(tc, nul_in_a_string_is_refused);
	tcase_add_test(tc, cut_off_bytes_are_an_error);
	tcase_add_test(tc, endless_merging_is_refused);
	tcase_add_test(tc, too_many_fields_are_refused);
	tcase_add_test(tc, deep_nesting_is_refused);
}

int
main(void)
{
	return run_suite("lib/rpc/wire", fill);
}
