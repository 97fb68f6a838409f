/*
 * json.h: reads JSON where it stands. A value is a piece of the text; nothing is copied or unescaped.
 *
 * For the JSON that the host writes: it is well-formed, and without space between its parts. What is
 * not there is a text of no bytes.
 */
#ifndef DRIFTLESS_JSON_H
#define DRIFTLESS_JSON_H

#include "driftless.h"

/* The value that a text begins with. */
static inline dl_text dl_json_value(dl_text text) {
  uint32_t at = 0, depth = 0;
  while (at < text.length) {
    char byte = text.at[at];
    if (depth == 0 && at > 0 && (byte == ',' || byte == ']' || byte == '}' || byte == ':')) break;
    at++;
    if (byte == '{' || byte == '[') depth++;
    if (byte == '}' || byte == ']') depth--;
    if (byte == '"') {
      while (at < text.length && text.at[at] != '"') at += text.at[at] == '\\' ? 2 : 1;
      at = at < text.length ? at + 1 : text.length;
    }
    if (depth == 0 && (byte == '}' || byte == ']' || byte == '"')) break;
  }
  return (dl_text){text.at, at};
}

/* The members of an object, or the elements of an array, from the first on. */
static inline dl_text dl_json_items(dl_text value) {
  int is_list = value.length > 1 && (value.at[0] == '{' || value.at[0] == '[');
  return is_list ? (dl_text){value.at + 1, value.length - 2} : (dl_text){"", 0};
}

/* What stands behind the first value, and behind the comma or colon after it. */
static inline dl_text dl_json_rest(dl_text items) {
  uint32_t length = dl_json_value(items).length;
  return length + 1 < items.length ? dl_after(items, length + 1) : (dl_text){"", 0};
}

/* A member of an object, by its name. */
static inline dl_text dl_json_get(dl_text object, const char *name) {
  dl_text items = dl_json_items(object), wanted = dl_literal(name);
  while (items.length > 0) {
    dl_text key = dl_json_value(items);
    items = dl_json_rest(items);
    if (key.length == wanted.length + 2 && dl_starts(dl_after(key, 1), name)) {
      return dl_json_value(items);
    }
    items = dl_json_rest(items);
  }
  return (dl_text){"", 0};
}

/* An element of an array, from 0. */
static inline dl_text dl_json_at(dl_text array, uint32_t index) {
  dl_text items = dl_json_items(array);
  while (index-- > 0) items = dl_json_rest(items);
  return dl_json_value(items);
}

/* Members of an object, or elements of an array. */
static inline uint32_t dl_json_count(dl_text value) {
  uint32_t count = 0;
  dl_text items = dl_json_items(value);
  for (; items.length > 0; items = dl_json_rest(items)) count++;
  return value.length > 0 && value.at[0] == '{' ? count / 2 : count;
}

static inline int dl_json_is_string(dl_text value) {
  return value.length > 0 && value.at[0] == '"';
}

#endif
