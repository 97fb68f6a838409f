/*
 * How fast this machine can go through numbers at all: what columns are measured against.
 *
 * Vectors of 16 bytes are what WebAssembly has; compiled for the machine itself they are as wide as it
 * goes. Reads lines of `name count times` and answers each with the nanoseconds that it took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#ifdef NATIVE_WIDTH
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#endif
#endif
#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif

#define LANES (VECTOR_BYTES / 8)
/* Vectors for each turn of a loop; a count is a multiple of so many. */
#define TURN 8
/* As far apart within a page as columns are. */
#define STAGGER_BYTES 1344

typedef double vector __attribute__((vector_size(VECTOR_BYTES), aligned(16)));
typedef long long wide __attribute__((vector_size(VECTOR_BYTES)));
typedef int narrow __attribute__((vector_size(VECTOR_BYTES / 2), aligned(8)));

#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)

static double *x, *y, *to;
static int *integers;
static volatile double sink;

static vector at(const double *from) { return *(const vector *)from; }

static wide widened(const int *from) {
#if defined(__SSE4_1__) && VECTOR_BYTES == 16
  return (wide)_mm_cvtepi32_epi64(_mm_loadl_epi64((const __m128i *)from));
#else
  return __builtin_convertvector(*(const narrow *)from, wide);
#endif
}

static vector least(vector a, vector b) {
  for (int lane = 0; lane < LANES; lane++) a[lane] = b[lane] < a[lane] ? b[lane] : a[lane];
  return a;
}

static vector greatest(vector a, vector b) {
  for (int lane = 0; lane < LANES; lane++) a[lane] = b[lane] > a[lane] ? b[lane] : a[lane];
  return a;
}

static void keep(const vector *sums, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) {
    for (int lane = 0; lane < LANES; lane++) sum += sums[i][lane];
  }
  sink = sum;
}

/* Two streams: the halves of the array. */
static void sum(long n) {
  const double *a = x, *b = x + n / 2, *end = b;
  vector s[TURN] = {{0}};
  for (; a < end; a += TURN / 2 * LANES, b += TURN / 2 * LANES) {
    EACH(i, TURN / 2) {
      s[i] += at(a + i * LANES);
      s[TURN / 2 + i] += at(b + i * LANES);
    }
  }
  keep(s, TURN);
}

static void dot(long n) {
  vector s[TURN] = {{0}};
  for (long k = 0; k < n; k += TURN * LANES) {
    EACH(i, TURN) s[i] += at(x + k + i * LANES) * at(y + k + i * LANES);
  }
  keep(s, TURN);
}

static void minmax(long n) {
  vector s[TURN] = {{0}};
  for (long k = 0; k < n; k += TURN / 2 * LANES) {
    EACH(i, TURN / 2) {
      s[i] = least(s[i], at(x + k + i * LANES));
      s[TURN / 2 + i] = greatest(s[TURN / 2 + i], at(x + k + i * LANES));
    }
  }
  keep(s, TURN);
}

static void scale(long n) {
  const double factor = sink * 0 + 1;
  for (long k = 0; k < n; k += TURN * LANES) {
    EACH(i, TURN) *(vector *)(x + k + i * LANES) = at(x + k + i * LANES) * factor;
  }
}

static void add(long n) {
  for (long k = 0; k < n; k += TURN * LANES) {
    EACH(i, TURN) {
      *(vector *)(to + k + i * LANES) = at(x + k + i * LANES) + at(y + k + i * LANES);
    }
  }
}

static void stats(long n) {
  vector s[8] = {{0}};
  for (long k = 0; k < n; k += 2 * LANES) {
    EACH(i, 2) {
      vector v = at(x + k + i * LANES);
      s[i] += v;
      s[2 + i] += v * v;
      s[4 + i] = least(s[4 + i], v);
      s[6 + i] = greatest(s[6 + i], v);
    }
  }
  keep(s, 8);
}

static void correlation(long n) {
  vector s[10] = {{0}};
  for (long k = 0; k < n; k += 2 * LANES) {
    EACH(i, 2) {
      vector u = at(x + k + i * LANES), v = at(y + k + i * LANES);
      s[i] += u;
      s[2 + i] += v;
      s[4 + i] += u * u;
      s[6 + i] += v * v;
      s[8 + i] += u * v;
    }
  }
  keep(s, 10);
}

static void sum_i32(long n) {
  wide s[TURN] = {{0}};
  for (long k = 0; k < n; k += TURN * LANES) {
    EACH(i, TURN) s[i] += widened(integers + k + i * LANES);
  }
  long long all = 0;
  for (int i = 0; i < TURN; i++) {
    for (int lane = 0; lane < LANES; lane++) all += s[i][lane];
  }
  sink = (double)all;
}

static const struct {
  const char *name;
  void (*run)(long);
} KERNELS[] = {{"sum", sum},     {"dot", dot},     {"minmax", minmax},           {"scale", scale},
               {"add", add},     {"stats", stats}, {"correlation", correlation}, {"sum_i32", sum_i32}};
#define KERNEL_COUNT ((int)(sizeof KERNELS / sizeof *KERNELS))

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static double *array(long n, int index) {
  char *block = aligned_alloc(4096, ((size_t)n * 8 + 3 * 4096) / 4096 * 4096);
  if (block == NULL) exit(1);
  double *numbers = (double *)(block + index * STAGGER_BYTES);
  for (long i = 0; i < n; i++) numbers[i] = 1 + i % 1000;
  return numbers;
}

static void prepare(long n) {
  if (x != NULL) {
    free((char *)x);
    free((char *)y - STAGGER_BYTES);
    free((char *)to - 2 * STAGGER_BYTES);
    free(integers);
  }
  x = array(n, 0);
  y = array(n, 1);
  to = array(n, 2);
  integers = aligned_alloc(4096, ((size_t)n * 4 + 4095) / 4096 * 4096);
  if (integers == NULL) exit(1);
  for (long i = 0; i < n; i++) integers[i] = i % 1000;
}

int main(void) {
  char name[32];
  long n, times, prepared = 0;
  while (scanf("%31s %ld %ld", name, &n, &times) == 3) {
    if (n != prepared) prepare(prepared = n);
    for (int kernel = 0; kernel < KERNEL_COUNT; kernel++) {
      if (strcmp(KERNELS[kernel].name, name) != 0) continue;
      double start = now_ns();
      for (long i = 0; i < times; i++) KERNELS[kernel].run(n);
      printf("%f\n", now_ns() - start);
      fflush(stdout);
    }
  }
  return 0;
}
