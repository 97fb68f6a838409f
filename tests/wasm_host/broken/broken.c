/*
 * A handler that does one thing wrong for each path, and is fine at `/broken/good`. At `/broken/raw` it
 * answers with the very bytes that it is sent: 64 of the slots, then what they point to, placed at the
 * address that `/broken/where` tells; `at` in the query is where the answer is said to be.
 */
#include "driftless.h"

static dl_writer(4096) body;
static dl_writer(131072) headers;
static _Alignas(16) char area[131072];
static int depth;

static const dl_response *text(int status) { return dl_answer_with(status, "text/plain", &body, &headers); }

static uint32_t number_of(dl_text digits) {
  uint32_t value = 0;
  for (uint32_t at = 0; at < digits.length; at++) value = value * 10 + (uint32_t)(digits.at[at] - '0');
  return value;
}

static uint32_t memory_bytes(void) { return (uint32_t)(__builtin_wasm_memory_size(0) << 16); }

static void copy(char *to, const char *from, uint32_t length) {
  for (uint32_t at = 0; at < length; at++) to[at] = from[at];
}

static const dl_response *good(const dl_request *request) {
  dl_put(&body, "good ");
  dl_put_text(&body, dl_parameter(request, "n"));
  return text(200);
}

static const dl_response *where(const dl_request *request) {
  (void)request;
  dl_put_integer(&body, (uint32_t)area);
  return text(200);
}

static const dl_response *raw(const dl_request *request) {
  dl_text sent = dl_text_of(request->body.text);
  copy(area, sent.at, sent.length < sizeof area ? sent.length : sizeof area);
  dl_text at = dl_parameter(request, "at");
  return (const dl_response *)(at.length > 0 ? number_of(at) : (uint32_t)area);
}

/* ---- Addresses, lengths, tags ---- */

static const dl_response *zero(const dl_request *request) { (void)request; return 0; }

static const dl_response *wild(const dl_request *request) {
  (void)request;
  return (const dl_response *)0xfffffff0u;
}

static const dl_response *last(const dl_request *request) {
  uint32_t left = number_of(dl_parameter(request, "left"));
  char *at = (char *)(memory_bytes() - left);
  copy(at, (const char *)text(200), left < 64 ? left : 64);
  return (const dl_response *)at;
}

static const dl_response *length(const dl_request *request) {
  const dl_response *it = text(200);
  body.length = number_of(dl_parameter(request, "is"));
  return it;
}

static const dl_response *pointer(const dl_request *request) {
  const dl_response *it = text(200);
  dl_slot *slot = &dl_response_slots.status + number_of(dl_parameter(request, "slot"));
  slot->number = (int32_t)number_of(dl_parameter(request, "is"));
  return it;
}

static const dl_response *tag(const dl_request *request) {
  const dl_response *it = text(200);
  dl_slot *slot = &dl_response_slots.status + number_of(dl_parameter(request, "slot"));
  slot->tag = number_of(dl_parameter(request, "is"));
  return it;
}

static const dl_response *status(const dl_request *request) {
  dl_text is = dl_parameter(request, "is");
  if (dl_starts(is, "-")) return text(-(int)number_of(dl_after(is, 1)));
  return text((int)number_of(is));
}

/* The answer stands where the request is. */
static const dl_response *over(const dl_request *request) {
  copy((char *)request, (const char *)text(200), 64);
  return (const dl_response *)request;
}

/* All of what the host wrote is destroyed, and what is behind it. */
static const dl_response *erase(const dl_request *request) {
  dl_put(&body, "erased");
  char *at = (char *)request;
  char *end = (char *)memory_bytes();
  for (; at < end; at++) *at = (char)0xff;
  return text(200);
}

/* ---- Headers ---- */

static const dl_response *header(const dl_request *request) {
  dl_put_text(&headers, dl_text_of(request->body.text));
  return text(200);
}

static const dl_response *type(const dl_request *request) {
  const dl_response *it = text(200);
  dl_begin(&dl_type_text);
  dl_put_text(&dl_type_text, dl_text_of(request->body.text));
  return it;
}

/* So many lines of 8 bytes, then so many bytes in all, in lines as long as may be. */
static const dl_response *many_headers(const dl_request *request) {
  uint32_t lines = number_of(dl_parameter(request, "lines"));
  uint32_t bytes = number_of(dl_parameter(request, "bytes"));
  while (lines--) dl_put(&headers, "x-a: 12\n");
  while (headers.length + 1024 <= bytes) {
    dl_put(&headers, "x-a: ");
    for (int digit = 0; digit < 1018; digit++) dl_put(&headers, "1");
    dl_put(&headers, "\n");
  }
  while (headers.length + 8 <= bytes) dl_put(&headers, "x-a: 12\n");
  return text(200);
}

/* ---- Memory, time, traps ---- */

static const dl_response *grow(const dl_request *request) {
  uint32_t before = __builtin_wasm_memory_size(0);
  dl_put_integer(&body, __builtin_wasm_memory_grow(0, number_of(dl_parameter(request, "pages"))));
  /* Where there was no memory before is the answer now. */
  char *at = (char *)(before << 16);
  if (__builtin_wasm_memory_size(0) == before) return text(200);
  copy(at, (const char *)text(200), 64);
  return (const dl_response *)at;
}

/* A block of the handler's own, right behind what the host has written so far: is it as it was? */
static const dl_response *canary(const dl_request *request) {
  static unsigned char *block;
  (void)request;
  if (block == 0) {
    block = malloc(4096);
    for (int at = 0; at < 4096; at++) block[at] = 0x5a;
  }
  for (int at = 0; at < 4096; at++) {
    if (block[at] != 0x5a) {
      dl_put(&body, "overwritten");
      return text(200);
    }
  }
  dl_put(&body, "as it was");
  return text(200);
}

static const dl_response *leak(const dl_request *request) {
  dl_put_integer(&body, malloc(number_of(dl_parameter(request, "bytes"))) != 0);
  return text(200);
}

static const dl_response *spin(const dl_request *request) {
  (void)request;
  for (;;) __asm__ volatile("");
}

static __attribute__((noinline)) int deeper(int level) {
  volatile char frame[64];
  frame[level & 63] = (char)level;
  depth++;
  return level < 0 ? 0 : deeper(level + 1) + frame[level & 63];
}

static const dl_response *recurse(const dl_request *request) {
  (void)request;
  dl_put_integer(&body, deeper(0));
  return text(200);
}

static const dl_response *trap(const dl_request *request) {
  (void)request;
  __builtin_trap();
}

static const dl_response *divide(const dl_request *request) {
  volatile int none = (int)number_of(dl_parameter(request, "none"));
  dl_put_integer(&body, 7 / none);
  return text(200);
}

static const dl_response *outside(const dl_request *request) {
  (void)request;
  *(volatile int *)0xfffffff0u = 1;
  return text(200);
}

/* ---- Asking others ---- */

static const dl_response *forever(const dl_request *request) {
  return dl_fetch(request, (dl_call){.url = dl_literal("https://example.test/more")});
}

static const dl_response *ask(const dl_request *request) {
  static dl_writer(64) method;
  if (dl_fetched(request) > 0) {
    dl_put_integer(&body, dl_result(request)->status.number);
    return text(200);
  }
  const dl_response *it = dl_fetch(request, (dl_call){.url = dl_text_of(request->body.text)});
  dl_begin(&method);
  dl_put_text(&method, dl_parameter(request, "method"));
  if (method.length > 0) dl_response_slots.type.text = dl_string_of(&method);
  return it;
}

static const struct {
  const char *path;
  const dl_response *(*answer)(const dl_request *);
} routes[] = {
    {"/good", good},       {"/where", where},     {"/raw", raw},       {"/zero", zero},
    {"/wild", wild},       {"/last", last},       {"/length", length}, {"/pointer", pointer},
    {"/tag", tag},         {"/status", status},   {"/over", over},     {"/erase", erase},
    {"/header", header},   {"/type", type},       {"/headers", many_headers},
    {"/grow", grow},       {"/leak", leak},       {"/spin", spin},     {"/recurse", recurse},
    {"/trap", trap},       {"/divide", divide},   {"/outside", outside},
    {"/forever", forever}, {"/ask", ask},         {"/canary", canary},
};

DL_HANDLER {
  dl_begin(&body);
  dl_begin(&headers);
  if (dl_starts(dl_text_of(request->method.text), "WEBSOCKET")) return trap(request);
  dl_text path = dl_path(request);
  path = dl_after(path, 1 + dl_find(dl_after(path, 1), '/'));
  for (uint32_t at = 0; at < sizeof routes / sizeof routes[0]; at++) {
    if (dl_same(path, routes[at].path)) return routes[at].answer(request);
  }
  return text(404);
}
