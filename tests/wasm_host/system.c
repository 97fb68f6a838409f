/*
 * A handler that is an ordinary program of a C library: files, folders, output, clock, environment.
 *
 * The path tells what it does; what it answers is text. It has the library's allocator, and never
 * gives its answer back: one lasts until the next.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  uint8_t tag, padding[3];
  uint32_t payload;
  uint64_t wide;
} slot;

typedef struct {
  uint32_t length;
  char text[16384];
} block;

#define CRYPTO(name) __attribute__((import_module("driftless_crypto"), import_name(#name)))
CRYPTO(sha256) void sha256(const void *data, size_t length, void *digest);
CRYPTO(sha512) void sha512(const void *data, size_t length, void *digest);
CRYPTO(hmac_sha256)
void hmac_sha256(const void *key, size_t key_length, const void *data, size_t length, void *code);
CRYPTO(aes256gcm_encrypt)
int seal(const void *key, const void *nonce, const void *text, size_t length, const void *extra,
         size_t extra_length, void *sealed);
CRYPTO(aes256gcm_decrypt)
int unseal(const void *key, const void *nonce, const void *sealed, size_t length, const void *extra,
           size_t extra_length, void *text);

static slot answer[4];
static block type = {10, "text/plain"}, body, empty;
static uint32_t starts;

__attribute__((constructor)) static void count_start(void) { starts += 1; }

static void say(const char *text) {
  size_t length = strlen(text);
  if (body.length + length > sizeof body.text) length = sizeof body.text - body.length;
  memcpy(body.text + body.length, text, length);
  body.length += length;
}

static void say_failure(const char *what) {
  say(what);
  say(": ");
  say(strerror(errno));
}

static void append(const char *path, const char *text) {
  FILE *file = fopen(path, "a");
  if (file == NULL) return say_failure("append");
  if (fputs(text, file) < 0 || fclose(file) != 0) say_failure("append");
}

static void show(const char *path) {
  char text[4096];
  FILE *file = fopen(path, "r");
  if (file == NULL) return say_failure("show");
  size_t length = fread(text, 1, sizeof text - 1, file);
  if (ferror(file)) say_failure("show");
  fclose(file);
  text[length] = 0;
  say(text);
}

static void list(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) return say_failure("list");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    say(entry->d_name);
    say(" ");
  }
  closedir(folder);
}

static void work(const char *folder, const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/notes", folder);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/notes/%s", folder, name);
  append(path, text);
  show(path);
}

static void tell_system(void) {
  struct timespec first, second;
  clock_gettime(CLOCK_MONOTONIC, &first);
  sleep(2);
  clock_gettime(CLOCK_MONOTONIC, &second);
  say(second.tv_sec - first.tv_sec >= 2 ? "slept " : "awake ");
  say(time(NULL) > 1600000000 ? "dated " : "undated ");
  const char *greeting = getenv("GREETING");
  say(greeting == NULL ? "silent" : greeting);
  printf("printed %d\n", 42);
  fflush(stdout);
  fprintf(stderr, "complained\n");
}

static void say_bytes(const uint8_t *bytes, size_t length) {
  char digits[3];
  for (size_t at = 0; at < length; at += 1) {
    snprintf(digits, sizeof digits, "%02x", bytes[at]);
    say(digits);
  }
  say(" ");
}

static void digest(void) {
  static uint8_t result[64], key[32], nonce[12], sealed[32], text[16];
  sha256("abc", 3, result);
  say_bytes(result, 4);
  sha512("", 0, result);
  say_bytes(result, 4);
  hmac_sha256("key", 3, "", 0, result);
  say_bytes(result, 4);
  say(seal(key, nonce, text, 16, "", 0, sealed) == 0 ? "sealed " : "not sealed ");
  say_bytes(sealed, 4);
  say(unseal(key, nonce, sealed, 32, "", 0, sealed) == 0 ? "read " : "not read ");
  say(unseal(key, nonce, sealed, 32, "", 0, text) == 1 ? "refused" : "not refused");
}

__attribute__((export_name("handle_zerobuf"))) slot *handle(const slot *request) {
  const block *path = (const block *)(uintptr_t)request[1].payload;
  char text[64] = {0};
  memcpy(text, path->text, path->length < 63 ? path->length : 63);
  const char *last = strrchr(text, '/') == NULL ? text : strrchr(text, '/') + 1;
  body.length = 0;
  if (strcmp(last, "system") == 0) tell_system();
  else if (strcmp(last, "list") == 0) list("/data/notes");
  else if (strcmp(last, "remove") == 0 && unlink("/data/notes/a") != 0) say_failure("remove");
  else if (strcmp(last, "move") == 0 && rename("/data/notes/a", "/data/notes/b") != 0)
    say_failure("move");
  else if (strcmp(last, "escape") == 0) show("/tmp/../data/../../etc/passwd");
  else if (strcmp(last, "digest") == 0) digest();
  else if (strcmp(last, "outside") == 0) sha256("abc", SIZE_MAX / 2 + 1, text);
  else if (strcmp(last, "exit") == 0) exit(3);
  else if (strcmp(last, "tmp") == 0) work("/tmp", "a", "x");
  else if (strcmp(last, "data") == 0) work("/data", "a", "x");
  else if (strcmp(last, "starts") == 0) say(starts == 1 ? "once" : "not once");
  answer[0] = (slot){.tag = 2, .payload = 200};
  answer[1] = (slot){.tag = 4, .payload = (uint32_t)(uintptr_t)&type};
  answer[2] = (slot){.tag = 4, .payload = (uint32_t)(uintptr_t)&body};
  answer[3] = (slot){.tag = 4, .payload = (uint32_t)(uintptr_t)&empty};
  return answer;
}
