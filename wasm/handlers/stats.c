/*
 * Statistics of a column of numbers: POST them as text, apart by anything that is no part of a
 * number (CSV, lines, a JSON array), and count, sum, mean, extremes, variance and deviation come back
 * as JSON.
 *
 *     curl --data '[4, 7, 13, 16]' http://localhost:8787/stats
 */
#include "driftless.h"

typedef struct column {
  int64_t count;
  double sum, lost, mean, squares, least, most;
} column;

static dl_writer(512) body;
static dl_writer(64) headers;

/* One pass: the mean moves along (Welford), so that no large squares cancel; `lost` is what the sum
   could not hold (Neumaier). */
static void add(column *it, double value) {
  double sum = it->sum + value;
  double large = __builtin_fabs(it->sum) >= __builtin_fabs(value) ? it->sum : value;
  double small = large == value ? it->sum : value;
  it->lost += (large - sum) + small;
  it->sum = sum;
  double apart = value - it->mean;
  it->mean += apart / (double)++it->count;
  it->squares += apart * (value - it->mean);
  if (it->count == 1 || value < it->least) it->least = value;
  if (it->count == 1 || value > it->most) it->most = value;
}

static int is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/* A power of ten by squaring; beyond the range it is infinite. */
static double power_of_ten(int exponent) {
  double power = 1, square = 10;
  for (; exponent > 0; exponent >>= 1, square *= square) {
    if (exponent & 1) power *= square;
  }
  return power;
}

/* Reads the number that begins here; gives how many bytes it has, 0 if it is none. */
static uint32_t number_at(dl_text text, double *value) {
  uint32_t at = 0, digits = 0;
  uint64_t mantissa = 0;
  int exponent = 0, is_fraction = 0;
  if (at < text.length && (text.at[at] == '-' || text.at[at] == '+')) at++;
  for (; at < text.length; at++) {
    if (text.at[at] == '.' && !is_fraction) {
      is_fraction = 1;
    } else if (!is_digit(text.at[at])) {
      break;
    } else {
      digits++;
      /* 18 digits are more than a double holds; the others only move the point. */
      if (mantissa < 100000000000000000u) {
        mantissa = mantissa * 10 + (uint64_t)(text.at[at] - '0');
        exponent -= is_fraction;
      } else {
        exponent += !is_fraction;
      }
    }
  }
  if (digits == 0) return 0;
  if (at < text.length && (text.at[at] | 32) == 'e') {
    uint32_t from = at + 1;
    int is_negative = from < text.length && text.at[from] == '-', power = 0;
    if (from < text.length && (text.at[from] == '-' || text.at[from] == '+')) from++;
    if (from >= text.length || !is_digit(text.at[from])) return 0;
    for (at = from; at < text.length && is_digit(text.at[at]); at++) {
      if (power < 1000) power = power * 10 + (text.at[at] - '0');
    }
    exponent += is_negative ? -power : power;
  }
  double size = (double)mantissa;
  *value = exponent < 0 ? size / power_of_ten(-exponent) : size * power_of_ten(exponent);
  if (mantissa == 0) *value = 0;
  if (text.at[0] == '-') *value = -*value;
  return at;
}

static int is_between(char byte) {
  return byte == ' ' || byte == ',' || byte == ';' || byte == '\n' || byte == '\r' ||
         byte == '\t' || byte == '[' || byte == ']';
}

static void put_field(const char *name, double value) {
  dl_put(&body, name);
  dl_put_number(&body, value);
}

static const dl_response *refuse(int status, const char *sentence, uint32_t at) {
  dl_put(&body, "{\"error\":\"");
  dl_put(&body, sentence);
  if (status == 400) dl_put_integer(&body, at);
  dl_put(&body, "\"}");
  return dl_answer_with(status, "application/json", &body, &headers);
}

DL_HANDLER {
  dl_begin(&body);
  dl_begin(&headers);
  if (!dl_same(dl_text_of(request->method.text), "POST")) {
    dl_put(&headers, "Allow: POST\n");
    return refuse(405, "Cannot tell: POST the numbers", 0);
  }
  column all = {0};
  dl_text text = dl_text_of(request->body.text);
  for (uint32_t at = 0; at < text.length;) {
    double value = 0;
    uint32_t length = number_at(dl_after(text, at), &value);
    if (length > 0) add(&all, value);
    else if (!is_between(text.at[at])) return refuse(400, "Cannot read the number at byte ", at);
    at += length > 0 ? length : 1;
  }
  if (all.count == 0) return refuse(422, "Cannot tell: there are no numbers", 0);
  double variance = all.squares / (double)all.count;
  put_field("{\"count\":", (double)all.count);
  put_field(",\"sum\":", all.sum + all.lost);
  put_field(",\"mean\":", all.mean);
  put_field(",\"min\":", all.least);
  put_field(",\"max\":", all.most);
  put_field(",\"variance\":", variance);
  put_field(",\"stddev\":", __builtin_sqrt(variance));
  dl_put(&body, "}");
  return dl_answer(200, "application/json", &body);
}
