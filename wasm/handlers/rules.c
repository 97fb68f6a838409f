/*
 * The rules of a list of things to do: what a thing is, and what can be done. An app file uses them in
 * place of rules in TypeScript, in the browser and on the server alike:
 *
 *     const rules = wasmRules(module);
 *     const todo = collection("todo", rules.schema("todo"));
 *     defineApp({ name: "todos", collections: { todo }, mutators: {
 *       "todo.add": rules.mutator("todo.add"),
 *       ...
 *     } });
 *
 * A rule cannot wait for what it has to know. It says what that is, and is called again with the
 * answers, which stand in "known" in the order of the questions.
 */
#include "json.h"

#define OPEN_MAX 100
#define TITLE_BYTES_MAX 200

static dl_writer(65536) body;

static const dl_response *refuse(int status, const char *reason) {
  dl_begin(&body);
  dl_put(&body, reason);
  return dl_answer(status, "text/plain", &body);
}

static const dl_response *answer(int status) {
  return dl_answer(status, "application/json", &body);
}

/* Whether the answer to this question is there; if not, the question is put. */
static int knows(dl_text known, uint32_t count) { return dl_json_count(known) >= count; }

static void put_row(const char *kind, dl_text id) {
  dl_put(&body, "[\"");
  dl_put(&body, kind);
  dl_put(&body, "\",\"todo\",");
  dl_put_text(&body, id);
}

static void put_todo(dl_text id, dl_text title, const char *done) {
  put_row("put", id);
  dl_put(&body, ",{\"title\":");
  dl_put_text(&body, title);
  dl_put(&body, ",\"done\":");
  dl_put(&body, done);
  dl_put(&body, "}]");
}

static int is_title(dl_text value) {
  return dl_json_is_string(value) && value.length > 2 && value.length <= TITLE_BYTES_MAX + 2;
}

/* A record is {"title": 1 to 200 bytes, "done": a boolean}. */
static const dl_response *validate(dl_text value) {
  dl_text title = dl_json_get(value, "title"), done = dl_json_get(value, "done");
  dl_begin(&body);
  if (value.length == 0 || value.at[0] != '{') {
    dl_put(&body, "[{\"message\":\"It is no object\"}]");
  } else if (!is_title(title)) {
    dl_put(&body, "[{\"message\":\"Write 1 to 200 bytes\",\"path\":[\"title\"]}]");
  } else if (!dl_same(done, "true") && !dl_same(done, "false")) {
    dl_put(&body, "[{\"message\":\"Say true or false\",\"path\":[\"done\"]}]");
  } else if (dl_json_count(value) != 2) {
    dl_put(&body, "There is more than a title and a mark");
  } else {
    return answer(200);
  }
  return answer(422);
}

/* {"title"}: a new one, unless there is too much to do already. */
static const dl_response *add(dl_text args, dl_text known) {
  if (!is_title(dl_json_get(args, "title"))) return refuse(422, "Give it a title");
  dl_begin(&body);
  if (!knows(known, 2)) {
    dl_put(&body, "[[\"id\"],[\"all\",\"todo\"]]");
    return answer(-1);
  }
  uint32_t open = 0;
  dl_text items = dl_json_items(dl_json_at(known, 1));
  for (; items.length > 0; items = dl_json_rest(items)) {
    open += dl_same(dl_json_get(dl_json_at(dl_json_value(items), 1), "done"), "false");
  }
  if (open >= OPEN_MAX) return refuse(422, "Do some of the others first");
  dl_put(&body, "[");
  put_todo(dl_json_at(known, 0), dl_json_get(args, "title"), "false");
  dl_put(&body, "]");
  return answer(200);
}

/* {"id"}: done if it was not, and not if it was. */
static const dl_response *toggle(dl_text args, dl_text known) {
  dl_text id = dl_json_get(args, "id"), row = dl_json_at(known, 0);
  if (!dl_json_is_string(id)) return refuse(422, "Say which one");
  dl_begin(&body);
  dl_put(&body, "[");
  if (!knows(known, 1)) {
    put_row("row", id);
    dl_put(&body, "]]");
    return answer(-1);
  }
  if (dl_same(row, "null")) return refuse(404, "There is no such thing to do");
  int is_done = dl_same(dl_json_get(row, "done"), "true");
  put_todo(id, dl_json_get(row, "title"), is_done ? "false" : "true");
  dl_put(&body, "]");
  return answer(200);
}

/* Removes all that are done. */
static const dl_response *clear(dl_text known) {
  dl_begin(&body);
  if (!knows(known, 1)) {
    dl_put(&body, "[[\"all\",\"todo\"]]");
    return answer(-1);
  }
  uint32_t count = 0;
  dl_put(&body, "[");
  dl_text items = dl_json_items(dl_json_at(known, 0));
  for (; items.length > 0; items = dl_json_rest(items)) {
    dl_text item = dl_json_value(items);
    if (!dl_same(dl_json_get(dl_json_at(item, 1), "done"), "true")) continue;
    if (count++ > 0) dl_put(&body, ",");
    put_row("delete", dl_json_at(item, 0));
    dl_put(&body, "]");
  }
  dl_put(&body, "]");
  return answer(200);
}

/* {"id"}: takes it over; only who is signed in can. One question depends on the answer to another. */
static const dl_response *take(dl_text args, dl_text known) {
  dl_text principal = dl_json_get(dl_json_at(known, 0), "id");
  if (!dl_json_is_string(dl_json_get(args, "id"))) return refuse(422, "Say which one");
  dl_begin(&body);
  if (!knows(known, 1)) {
    dl_put(&body, "[[\"principal\"]]");
    return answer(-1);
  }
  if (principal.length == 0) return refuse(403, "Sign in first");
  dl_put(&body, "[");
  if (!knows(known, 2)) {
    put_row("row", dl_json_get(args, "id"));
    dl_put(&body, "]]");
    return answer(-1);
  }
  put_todo(dl_json_get(args, "id"), principal, "false");
  dl_put(&body, "]");
  return answer(200);
}

DL_HANDLER {
  dl_text method = dl_text_of(request->method.text), name = dl_text_of(request->target.text);
  dl_text asked = dl_text_of(request->body.text);
  if (dl_same(method, "VALIDATE")) {
    return dl_same(name, "todo") ? validate(asked) : refuse(404, "There is no such schema");
  }
  dl_text args = dl_json_get(asked, "args"), known = dl_json_get(asked, "known");
  if (dl_same(name, "todo.add")) return add(args, known);
  if (dl_same(name, "todo.toggle")) return toggle(args, known);
  if (dl_same(name, "todo.clear")) return clear(known);
  if (dl_same(name, "todo.take")) return take(args, known);
  return refuse(404, "There is no such rule");
}
