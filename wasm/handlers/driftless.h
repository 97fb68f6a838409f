/*
 * driftless.h: all that a handler in C needs to talk to its host.
 *
 * A request is ten slots of 16 bytes, an answer four. The host writes the request into memory that it
 * has asked `malloc` for, calls `handle_zerobuf` with its address, and reads the answer at the address
 * that comes back. A handler is therefore one function, which DL_HANDLER begins:
 *
 *     #include "driftless.h"
 *     static dl_writer(64) body;
 *     DL_HANDLER {
 *       dl_begin(&body);
 *       dl_put(&body, "You asked for ");
 *       dl_put_text(&body, dl_text_of(request->target.text));
 *       return dl_answer(200, "text/plain", &body);
 *     }
 *
 * An answer is read before the handler runs again: static memory is the place for it.
 */
#ifndef DRIFTLESS_H
#define DRIFTLESS_H

#include <stddef.h>
#include <stdint.h>

#define DL_EXPORT(name) __attribute__((export_name(name), used))

/* What a slot holds. A slot of zeros is empty. */
enum { DL_EMPTY = 0, DL_I32 = 2, DL_STRING = 4, DL_BYTES = 8 };

/* A string as it stands in memory: its length in bytes, then the bytes. No zero at the end. */
typedef struct dl_string {
  uint32_t length;
  char bytes[];
} dl_string;

typedef struct dl_slot {
  uint32_t tag;
  union {
    int32_t number;
    const dl_string *text;
    const struct dl_slot *slots;
  };
  int64_t wide; /* always 0 here */
} dl_slot;

typedef struct dl_request {
  dl_slot method;  /* "GET" */
  dl_slot target;  /* path and query, "/stats?round=2" */
  dl_slot body;    /* the bytes as they came, of POST, PUT, PATCH, DELETE */
  dl_slot headers; /* "name: value\n" for each, names in lower case */
  dl_slot result;  /* what the last fetch gave: slots for status, content type, body, headers */
  dl_slot call;    /* which fetch that was, from 0 */
  dl_slot items[4]; /* further results that the host hands over */
} dl_request;

typedef struct dl_response {
  dl_slot status;
  dl_slot type; /* content type */
  dl_slot body;
  dl_slot headers; /* "Name: value\n" for each; a name may occur more than once */
} dl_response;

#define DL_HANDLER                                                                       \
  static const dl_response *dl_handle(const dl_request *request);                        \
  DL_EXPORT("handle_zerobuf") const dl_response *dl_entry(const dl_request *request) {   \
    return dl_handle(request);                                                           \
  }                                                                                      \
  static const dl_response *dl_handle(const dl_request *request)

/* ---- Memory ------------------------------------------------------------------------------- */

extern char __heap_base;
static char *dl_top = &__heap_base;

/* Blocks follow one another; in front of each stands, in 8 bytes, where the one before it ended. */
DL_EXPORT("malloc") void *malloc(size_t size) {
  char **block = (char **)(((uintptr_t)dl_top + 15) & ~(uintptr_t)15);
  uintptr_t end = (uintptr_t)block + 8 + size;
  if (end < (uintptr_t)block) return 0;
  size_t missing = end > __builtin_wasm_memory_size(0) << 16
                       ? (end - (__builtin_wasm_memory_size(0) << 16) + 65535) >> 16
                       : 0;
  if (missing > 0 && __builtin_wasm_memory_grow(0, missing) == (size_t)-1) return 0;
  block[0] = dl_top;
  block[1] = (char *)end;
  dl_top = (char *)end;
  return block + 2;
}

/* Gives the latest block back; an earlier one stays until the host lets the whole memory go. */
DL_EXPORT("free") void free(void *at) {
  char **block = (char **)at;
  if (at != 0 && block[-1] == dl_top) dl_top = block[-2];
}

/* The host calls it once, before all else. Whoever has something to prepare writes their own. */
#ifndef DL_OWN_START
DL_EXPORT("_start") void dl_start(void) {}
#endif

/* ---- Text --------------------------------------------------------------------------------- */

typedef struct dl_text {
  const char *at;
  uint32_t length;
} dl_text;

static inline dl_text dl_text_of(const dl_string *string) {
  return string == 0 ? (dl_text){"", 0} : (dl_text){string->bytes, string->length};
}

static inline dl_text dl_literal(const char *zero_ended) {
  dl_text text = {zero_ended, 0};
  while (zero_ended[text.length] != 0) text.length++;
  return text;
}

static inline int dl_starts(dl_text text, const char *prefix) {
  uint32_t at = 0;
  for (; prefix[at] != 0; at++) {
    if (at >= text.length || text.at[at] != prefix[at]) return 0;
  }
  return 1;
}

static inline int dl_same(dl_text text, const char *other) {
  return dl_starts(text, other) && other[text.length] == 0;
}

static inline dl_text dl_after(dl_text text, uint32_t count) {
  return (dl_text){text.at + count, text.length - count};
}

static inline uint32_t dl_find(dl_text text, char byte) {
  uint32_t at = 0;
  while (at < text.length && text.at[at] != byte) at++;
  return at;
}

static inline dl_text dl_path(const dl_request *request) {
  dl_text target = dl_text_of(request->target.text);
  return (dl_text){target.at, dl_find(target, '?')};
}

static inline dl_text dl_query(const dl_request *request) {
  dl_text target = dl_text_of(request->target.text);
  uint32_t at = dl_find(target, '?');
  return at < target.length ? dl_after(target, at + 1) : (dl_text){"", 0};
}

/* What stands behind "name" and `is`, up to `end`: ('=', '&') reads queries, (':', '\n') headers. */
static inline dl_text dl_field(dl_text fields, const char *name, char is, char end) {
  dl_text wanted = dl_literal(name);
  while (fields.length > 0) {
    uint32_t length = dl_find(fields, end);
    dl_text field = {fields.at, length};
    if (dl_starts(field, name) && length > wanted.length && field.at[wanted.length] == is) {
      dl_text value = dl_after(field, wanted.length + 1);
      return value.length > 0 && value.at[0] == ' ' ? dl_after(value, 1) : value;
    }
    fields = length < fields.length ? dl_after(fields, length + 1) : (dl_text){"", 0};
  }
  return (dl_text){"", 0};
}

static inline dl_text dl_parameter(const dl_request *request, const char *name) {
  return dl_field(dl_query(request), name, '=', '&');
}

static inline dl_text dl_header(const dl_request *request, const char *name) {
  return dl_field(dl_text_of(request->headers.text), name, ':', '\n');
}

/* ---- Writing ------------------------------------------------------------------------------ */

/* A string that can take `capacity` bytes; what would not fit is left out. */
#define dl_writer(capacity)  \
  struct {                   \
    uint32_t room;           \
    uint32_t length;         \
    char bytes[(capacity)];  \
  }

typedef dl_writer(1) dl_any_writer;

#define dl_begin(writer) ((writer)->room = sizeof((writer)->bytes), (writer)->length = 0)
#define dl_put(writer, literal) dl_put_text((writer), dl_literal(literal))

static void dl_put_text(void *writer, dl_text text) {
  dl_any_writer *it = writer;
  for (uint32_t at = 0; at < text.length && it->length < it->room; at++) {
    it->bytes[it->length++] = text.at[at];
  }
}

static void dl_put_digits(void *writer, uint64_t value, int width) {
  char digits[20];
  int at = 20;
  do digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  while (20 - at < width) digits[--at] = '0';
  dl_put_text(writer, (dl_text){digits + at, (uint32_t)(20 - at)});
}

static inline void dl_put_integer(void *writer, int64_t value) {
  if (value < 0) dl_put(writer, "-");
  /* Negated without a sign: the least of all numbers has no positive. */
  dl_put_digits(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
}

/* A number as JSON has them, with up to 15 digits; what is none becomes null. */
static inline void dl_put_number(void *writer, double value) {
  if (value != value || value - value != 0) {
    dl_put(writer, "null");
    return;
  }
  if (value < 0) dl_put(writer, "-");
  double size = value < 0 ? -value : value;
  int exponent = 0;
  if (size > 0 && (size >= 1e15 || size < 1e-5)) {
    for (; size >= 10; exponent++) size /= 10;
    for (; size < 1; exponent--) size *= 10;
  }
  int places = 15;
  for (double rest = size; rest >= 1 && places > 0; places--) rest /= 10;
  double unit = 1;
  for (int at = 0; at < places; at++) unit *= 10;
  uint64_t whole = (uint64_t)size;
  uint64_t part = (uint64_t)((size - (double)whole) * unit + 0.5);
  if (part >= (uint64_t)unit) {
    whole++;
    part = 0;
  }
  for (; places > 0 && part % 10 == 0; places--) part /= 10;
  dl_put_digits(writer, whole, 1);
  if (places > 0) {
    dl_put(writer, ".");
    dl_put_digits(writer, part, places);
  }
  if (exponent != 0) {
    dl_put(writer, "e");
    dl_put_integer(writer, exponent);
  }
}

/* Where the string of a writer begins: behind its room. */
static inline const dl_string *dl_string_of(const void *writer) {
  return (const dl_string *)((const uint32_t *)writer + 1);
}

/* ---- Answering ---------------------------------------------------------------------------- */

static dl_response dl_response_slots;
static dl_writer(256) dl_type_text;

static inline const dl_response *dl_answer_with(int status, const char *type, const void *body,
                                                const void *headers) {
  dl_response *it = &dl_response_slots;
  dl_begin(&dl_type_text);
  dl_put(&dl_type_text, type);
  it->status = (dl_slot){DL_I32, {.number = status}, 0};
  it->type = (dl_slot){DL_STRING, {.text = dl_string_of(&dl_type_text)}, 0};
  it->body = (dl_slot){DL_STRING, {.text = dl_string_of(body)}, 0};
  it->headers = (dl_slot){DL_EMPTY, {0}, 0};
  if (headers != 0) it->headers = (dl_slot){DL_STRING, {.text = dl_string_of(headers)}, 0};
  return it;
}

static inline const dl_response *dl_answer(int status, const char *type, const void *body) {
  return dl_answer_with(status, type, body, 0);
}

/* ---- Asking others ------------------------------------------------------------------------- */

/*
 * A handler cannot wait. It answers with what it wants fetched, and is called again with the same
 * request and the result: the first time `dl_fetched` is 0, then 1, and so on.
 *
 *     DL_HANDLER {
 *       if (dl_fetched(request) == 0) {
 *         return dl_fetch(request, (dl_call){.url = dl_literal("https://example.com/rates.json")});
 *       }
 *       const dl_response *rates = dl_result(request);
 *
 * A result lasts until the next one comes: copy what you need of it into static memory.
 */
typedef struct dl_call {
  const char *method;  /* "GET" unless it is given */
  dl_text url;         /* or the key, for methods of bindings: "__KV_GET" and others */
  const char *type;    /* content type of the body */
  dl_text body;
  const char *headers; /* "Name: value\n" for each */
} dl_call;

static dl_writer(16384) dl_call_text;
static dl_writer(4096) dl_call_headers;

static inline uint32_t dl_fetched(const dl_request *request) {
  return request->call.tag == DL_I32 ? (uint32_t)request->call.number + 1 : 0;
}

/* The latest result: its status, type, body and headers. */
static inline const dl_response *dl_result(const dl_request *request) {
  return (const dl_response *)request->result.slots;
}

static inline const dl_response *dl_fetch(const dl_request *request, dl_call call) {
  dl_begin(&dl_call_headers);
  dl_put_integer(&dl_call_headers, dl_fetched(request));
  dl_put(&dl_call_headers, "\n");
  dl_put(&dl_call_headers, call.headers == 0 ? "" : call.headers);
  dl_begin(&dl_call_text);
  dl_put_text(&dl_call_text, call.url);
  dl_put(&dl_call_text, "\n");
  dl_put_text(&dl_call_text, call.body);
  const dl_response *asked = dl_answer_with(-1, "", &dl_call_text, &dl_call_headers);
  dl_put(&dl_type_text, call.method == 0 ? "GET" : call.method);
  dl_put(&dl_type_text, "\n");
  dl_put(&dl_type_text, call.type == 0 ? "" : call.type);
  return asked;
}

#endif
