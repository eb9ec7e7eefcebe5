/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file may use: attributes, ownership helpers, assertions.
 * Threads: any.
 */
#ifndef DM_LIB_BASE_BASE_H
#define DM_LIB_BASE_BASE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DM_MUST_CHECK   __attribute__((warn_unused_result))
#define DM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DM_UNUSED       __attribute__((unused))

/* Statics under unit test: static in the product. */
#ifdef DM_TEST_BUILD
#define DM_TESTABLE
#else
#define DM_TESTABLE static
#endif

/*
 * DM_AUTO(dm_err) e = NULL;  calls dm_err_free(e) when e leaves its scope.
 * A type takes part by DM_DEFINE_AUTO(dm_err) in its header.
 */
#define DM_AUTO(type) __attribute__((cleanup(type##_auto_free_))) struct type *
#define DM_DEFINE_AUTO(type)                                                   \
	static inline void type##_auto_free_(struct type **p)                  \
	{                                                                      \
		type##_free(*p);                                               \
	}

/* Move ownership out of a variable; the giver is left NULL. */
#define DM_TAKE(p)                                                             \
	({                                                                     \
		__typeof__(p) take_ = (p);                                     \
		(p) = NULL;                                                    \
		take_;                                                         \
	})

#define DM_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A broken invariant: prints and aborts, in release builds too. */
#define dm_assert(cond)                                                        \
	do {                                                                   \
		if (!(cond))                                                   \
			dm_assert_failed(#cond, __FILE__, __LINE__);           \
	} while (0)

__attribute__((noreturn)) void dm_assert_failed(
    const char *cond, const char *file, int line);

#endif
