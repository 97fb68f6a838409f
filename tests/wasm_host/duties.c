/* One handler with a route for each duty of a host: the cases of duty_cases.ts call them. */
#include "driftless.h"

static dl_writer(600000) body;
static dl_writer(4096) headers;
/* What was fetched first, kept while the second is fetched. */
static dl_writer(65536) kept;
static int32_t count, closes;

static dl_text path; /* behind the mount: "/echo" */

static const dl_response *text(int status) { return dl_answer_with(status, "text/plain", &body, &headers); }

static int is_method(const dl_request *request, const char *name) {
  return dl_same(dl_text_of(request->method.text), name);
}

static uint32_t number_of(dl_text digits) {
  uint32_t value = 0;
  for (uint32_t at = 0; at < digits.length; at++) value = value * 10 + (uint32_t)(digits.at[at] - '0');
  return value;
}

static void put_quoted(dl_text value) {
  dl_put(&body, "\"");
  for (uint32_t at = 0; at < value.length; at++) {
    if (value.at[at] == '"' || value.at[at] == '\\') dl_put(&body, "\\");
    dl_put_text(&body, (dl_text){value.at + at, 1});
  }
  dl_put(&body, "\"");
}

static void put_field(const char *name, dl_text value) {
  dl_put(&body, body.length == 0 ? "{" : ",");
  put_quoted(dl_literal(name));
  dl_put(&body, ":");
  put_quoted(value);
}

/* ---- What comes in, and what goes out ---- */

static const dl_response *reflect(const dl_request *request) {
  put_field("method", dl_text_of(request->method.text));
  put_field("path", path);
  put_field("query", dl_query(request));
  put_field("custom", dl_header(request, "x-custom"));
  put_field("agent", dl_header(request, "user-agent"));
  put_field("host", dl_header(request, "host"));
  put_field("body", dl_text_of(request->body.text));
  dl_put(&body, "}");
  return dl_answer(200, "application/json", &body);
}

static const dl_response *lines(const dl_request *request) {
  dl_put_text(&body, dl_text_of(request->headers.text));
  return text(200);
}

/* "tag:number" of every slot that is no text. */
static const dl_response *slots(const dl_request *request) {
  const dl_slot *slot = &request->method;
  for (int at = 0; at < 10; at++) {
    dl_put_integer(&body, slot[at].tag);
    if (slot[at].tag != DL_STRING && slot[at].tag != DL_BYTES) {
      dl_put(&body, ":");
      dl_put_integer(&body, slot[at].number);
    }
    dl_put(&body, at < 9 ? " " : slot[at].wide == 0 ? "" : "!");
  }
  return text(200);
}

static const dl_response *echo(const dl_request *request) {
  static dl_writer(128) type;
  dl_begin(&type);
  dl_put_text(&type, dl_header(request, "content-type"));
  dl_put_text(&body, dl_text_of(request->body.text));
  const dl_response *it = dl_answer(200, "", &body);
  dl_response_slots.type.text = dl_string_of(&type);
  return it;
}

static const dl_response *type(const dl_request *request) {
  static dl_writer(128) given;
  dl_begin(&given);
  dl_put_text(&given, dl_parameter(request, "is"));
  dl_put(&body, "typed");
  const dl_response *it = dl_answer(200, "", &body);
  dl_response_slots.type.text = dl_string_of(&given);
  return it;
}

/* Nothing but a status: every other slot is empty. */
static const dl_response *bare(const dl_request *request) {
  (void)request;
  dl_response_slots = (dl_response){.status = {DL_I32, {.number = 200}, 0}};
  return &dl_response_slots;
}

static const dl_response *binary(const dl_request *request) {
  (void)request;
  for (int byte = 0; byte < 256; byte++) {
    char one = (char)byte;
    dl_put_text(&body, (dl_text){&one, 1});
  }
  const dl_response *it = dl_answer(200, "application/octet-stream", &body);
  dl_response_slots.body.tag = DL_BYTES;
  return it;
}

static const dl_response *status(const dl_request *request) {
  uint32_t code = number_of(dl_parameter(request, "is"));
  dl_put(&body, "status ");
  dl_put_integer(&body, code);
  return text((int)code);
}

static const dl_response *cookies(const dl_request *request) {
  (void)request;
  dl_put(&headers, "Set-Cookie: session=abc123; Path=/; HttpOnly; Secure; SameSite=Strict\n");
  dl_put(&headers, "Set-Cookie: theme=dark; Max-Age=86400\n");
  return text(200);
}

static const dl_response *cookie(const dl_request *request) {
  dl_put_text(&body, dl_field(dl_header(request, "cookie"), "theme", '=', ';'));
  return text(200);
}

static const dl_response *redirect(const dl_request *request) {
  (void)request;
  dl_put(&headers, "Location: /duties/reflect\n");
  return text(302);
}

static const dl_response *named(const dl_request *request) {
  (void)request;
  dl_put(&headers, "X-One: 1\nx-two:2\nX-Both: a\nX-Both: b\ncontent-type: application/evil\n");
  dl_put(&body, "named");
  return text(200);
}

static const dl_response *large(const dl_request *request) {
  uint32_t size = number_of(dl_parameter(request, "size"));
  if (size > sizeof body.bytes) size = sizeof body.bytes;
  for (; body.length < size; body.length++) body.bytes[body.length] = (char)('A' + body.length % 26);
  dl_put(&headers, "X-Body-Size: ");
  dl_put_integer(&headers, size);
  dl_put(&headers, "\n");
  return text(200);
}

static const dl_response *three(const dl_request *request) {
  (void)request;
  dl_put(&body, "one ");
  dl_put(&body, "two ");
  dl_put(&body, "three");
  return text(200);
}

static const dl_response *events(const dl_request *request) {
  (void)request;
  dl_put(&headers, "Cache-Control: no-cache\n");
  for (int at = 1; at <= 3; at++) {
    dl_put(&body, "data: ");
    dl_put_integer(&body, at);
    dl_put(&body, "\n\n");
  }
  return dl_answer_with(200, "text/event-stream", &body, &headers);
}

static const dl_response *numbers(const dl_request *request) {
  (void)request;
  const double values[] = {1.05, -0.5, 1e21, 1.5e-9, 100, 0.1, 1.0 / 0.0, 123456.789};
  for (uint32_t at = 0; at < sizeof values / sizeof values[0]; at++) {
    dl_put_number(&body, values[at]);
    dl_put(&body, " ");
  }
  dl_put_integer(&body, INT64_MIN);
  return text(200);
}

/* ---- What a small service does ---- */

static const dl_response *items(const dl_request *request) {
  dl_put(&headers, "Access-Control-Allow-Origin: *\nAllow: GET, POST, DELETE, OPTIONS\n");
  if (is_method(request, "OPTIONS") || is_method(request, "DELETE")) return text(204);
  if (is_method(request, "GET")) {
    dl_put(&body, "[{\"id\":1},{\"id\":2}]");
    return dl_answer_with(200, "application/json", &body, &headers);
  }
  if (!is_method(request, "POST")) return text(405);
  dl_text sent = dl_text_of(request->body.text);
  if (!dl_starts(sent, "{")) return text(400);
  if (dl_same(sent, "{}")) return text(422);
  dl_put_text(&body, sent);
  return dl_answer_with(201, "application/json", &body, &headers);
}

static const dl_response *guarded(const dl_request *request) {
  if (dl_same(dl_header(request, "authorization"), "Basic YWRhOnNlY3JldA==")) {
    dl_put(&body, "ada");
    return text(200);
  }
  dl_put(&headers, "WWW-Authenticate: Basic realm=\"duties\"\n");
  return text(401);
}

static const dl_response *limited(const dl_request *request) {
  return text(dl_text_of(request->body.text).length > 16 ? 413 : 200);
}

/* ---- Asking others ---- */

static void put_result(const dl_request *request) {
  const dl_response *result = dl_result(request);
  dl_put_integer(&body, result->status.number);
  dl_put(&body, " ");
  dl_put_text(&body, dl_text_of(result->type.text));
  dl_put(&body, " ");
  dl_put_text(&body, dl_text_of(result->body.text));
}

static const dl_response *fetch_one(const dl_request *request) {
  if (dl_fetched(request) == 0) {
    return dl_fetch(request, (dl_call){.url = dl_parameter(request, "url")});
  }
  put_result(request);
  return text(200);
}

/* As many as `n` says, to `url` with the number added; the answer names all bodies. */
static const dl_response *fetch_many(const dl_request *request) {
  uint32_t done = dl_fetched(request);
  if (done == 0) dl_begin(&kept);
  if (done > 0) {
    dl_put_text(&kept, dl_text_of(dl_result(request)->body.text));
    dl_put(&kept, "|");
  }
  if (done < number_of(dl_parameter(request, "n"))) {
    static dl_writer(1024) url;
    dl_begin(&url);
    dl_put_text(&url, dl_parameter(request, "url"));
    if (dl_parameter(request, "same").length == 0) dl_put_integer(&url, done);
    return dl_fetch(request, (dl_call){.url = dl_text_of(dl_string_of(&url))});
  }
  dl_put_text(&body, dl_text_of(dl_string_of(&kept)));
  return text(200);
}

static const dl_response *fetch_post(const dl_request *request) {
  if (dl_fetched(request) == 0) {
    return dl_fetch(request, (dl_call){
                                 .method = "POST",
                                 .url = dl_parameter(request, "url"),
                                 .type = "application/x-duty",
                                 .body = dl_text_of(request->body.text),
                                 .headers = "X-Sent: yes\nAuthorization: Bearer duty\n",
                             });
  }
  dl_put_text(&body, dl_text_of(dl_result(request)->body.text));
  return text(dl_result(request)->status.number);
}

static const dl_response *fetch_headers(const dl_request *request) {
  if (dl_fetched(request) == 0) {
    return dl_fetch(request, (dl_call){.url = dl_parameter(request, "url")});
  }
  dl_text found = dl_text_of(dl_result(request)->headers.text);
  dl_put_text(&body, dl_field(found, "x-answered", ':', '\n'));
  return text(200);
}

/* Hands on the method of the client: what a proxy does, and what must not reach a binding. */
static const dl_response *proxy(const dl_request *request) {
  static char method[33];
  if (dl_fetched(request) == 0) {
    dl_text given = dl_text_of(request->method.text);
    uint32_t at = 0;
    for (; at < given.length && at < 32; at++) method[at] = given.at[at];
    method[at] = 0;
    return dl_fetch(request, (dl_call){.method = method, .url = dl_parameter(request, "url")});
  }
  put_result(request);
  return text(200);
}

static const dl_response *kv(const dl_request *request) {
  if (dl_fetched(request) == 0) {
    dl_call call = {.method = "__KV_GET", .url = dl_parameter(request, "key")};
    if (is_method(request, "PUT")) call.method = "__KV_PUT";
    if (is_method(request, "DELETE")) call.method = "__KV_DELETE";
    if (is_method(request, "POST")) call.method = "__KV_ODD";
    if (dl_same(dl_query(request), "list")) call.method = "__KV_LIST";
    if (is_method(request, "PUT")) call.body = dl_text_of(request->body.text);
    return dl_fetch(request, call);
  }
  const dl_response *result = dl_result(request);
  dl_put_text(&body, dl_text_of(result->body.text));
  return text(result->status.number);
}

/* ---- What an instance keeps, and what breaks it ---- */

static const dl_response *counted(const dl_request *request) {
  (void)request;
  dl_put_integer(&body, ++count);
  return text(200);
}

static const dl_response *closed(const dl_request *request) {
  (void)request;
  dl_put_integer(&body, closes);
  return text(200);
}

/* Bytes of memory, and of those how many are given out. */
static const dl_response *memory(const dl_request *request) {
  (void)request;
  dl_put_integer(&body, (uint32_t)(__builtin_wasm_memory_size(0) << 16));
  dl_put(&body, " ");
  dl_put_integer(&body, (uint32_t)dl_top);
  return text(200);
}

static const dl_response *panic(const dl_request *request) {
  (void)request;
  count = -1000;
  __builtin_trap();
}

/* A message; what is said back is the body, if there is one. */
static const dl_response *message(const dl_request *request) {
  if (is_method(request, "WEBSOCKET_CLOSE")) {
    closes++;
    return text(200);
  }
  dl_text sent = dl_text_of(request->body.text);
  if (dl_same(sent, "panic")) __builtin_trap();
  if (dl_same(sent, "quiet")) return text(200);
  if (dl_same(sent, "close")) dl_put(&headers, "x-ws-close: true\n");
  if (dl_same(sent, "binary")) dl_put(&headers, "x-ws-binary: true\n");
  if (is_method(request, "WEBSOCKET_BINARY")) {
    for (uint32_t at = sent.length; at > 0; at--) dl_put_text(&body, (dl_text){sent.at + at - 1, 1});
    return text(200);
  }
  dl_put(&body, "echo: ");
  dl_put_text(&body, sent);
  return text(200);
}

/* ---- All of them ---- */

static const struct {
  const char *path;
  const dl_response *(*answer)(const dl_request *);
} routes[] = {
    {"/reflect", reflect}, {"/lines", lines},     {"/slots", slots},
    {"/echo", echo},       {"/type", type},       {"/bare", bare},
    {"/binary", binary},   {"/status", status},   {"/cookies", cookies},
    {"/cookie", cookie},   {"/redirect", redirect}, {"/named", named},
    {"/large", large},     {"/three", three},     {"/events", events},
    {"/numbers", numbers}, {"/items", items},     {"/guarded", guarded},
    {"/limited", limited}, {"/fetch", fetch_one}, {"/many", fetch_many},
    {"/post", fetch_post}, {"/answered", fetch_headers}, {"/proxy", proxy},
    {"/kv", kv},           {"/count", counted},   {"/closes", closed},
    {"/panic", panic},     {"/memory", memory},
};

DL_HANDLER {
  dl_begin(&body);
  dl_begin(&headers);
  if (dl_starts(dl_text_of(request->method.text), "WEBSOCKET")) return message(request);
  path = dl_path(request);
  path = dl_after(path, 1 + dl_find(dl_after(path, 1), '/'));
  for (uint32_t at = 0; at < sizeof routes / sizeof routes[0]; at++) {
    if (dl_same(path, routes[at].path)) return routes[at].answer(request);
  }
  dl_put(&body, "nothing at ");
  dl_put_text(&body, path);
  return text(404);
}
