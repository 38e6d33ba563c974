// sanitizer.h: ThreadSanitizer follows no thread that a child starts after a fork with threads (it
// stops with "dup thread"), so tests of that are skipped in its build, and run in the plain one.
#ifndef VITC_TEST_SANITIZER_H
#define VITC_TEST_SANITIZER_H
#if defined(__SANITIZE_THREAD__)
enum { UNDER_TSAN = 1 };
#else
enum { UNDER_TSAN = 0 };
#endif
#endif
