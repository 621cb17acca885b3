// The calls of palier.h: pointers are looked at here, and the CPU, since what is behind may hold newer instructions.
#include "palier_library.h"

#include <palier_cpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
// The plain architecture for these functions, even in a build for a newer CPU.
#define BASELINE __attribute__((target("arch=x86-64")))
#else
#define BASELINE
#endif

// Seen by Sources/CNUMA/cpu.c: a library does not end the program that loads it on an older CPU.
const char palier_is_library = 1;

static BASELINE int fail(int code, char **error, const char *text, const char *detail) {
  if (!error) return code;
  size_t room = strlen(text) + strlen(detail) + 1;
  *error = malloc(room);
  if (*error) snprintf(*error, room, "%s%s", text, detail);
  return code;
}

// The options as this version of the library has them; 0 where they are not of such a form.
static BASELINE int complete(const palier_options *given, palier_options *options) {
  memset(options, 0, sizeof *options);
  if (!given) return 1;
  if (given->size < sizeof given->size || given->size > 4096) return 0;
  memcpy(options, given, given->size < sizeof *options ? given->size : sizeof *options);
  // Fields that this version does not know must ask for nothing.
  for (size_t i = sizeof *options; i < given->size; i++) {
    if (((const char *)given)[i]) return 0;
  }
  return 1;
}

BASELINE int palier_open(const char *folder, const palier_options *options, palier_tagger **tagger, char **error) {
  if (error) *error = NULL;
  if (!tagger) return fail(PALIER_BAD_ARGUMENT, error, "palier_open: tagger is NULL", "");
  *tagger = NULL;
  const char *missing = palier_cpu_missing_features();
  if (missing[0]) return fail(PALIER_CANNOT_OPEN, error, "the library was built for a CPU with what this one lacks: ", missing);
  if (!folder) return fail(PALIER_BAD_ARGUMENT, error, "palier_open: folder is NULL", "");
  palier_options own;
  if (!complete(options, &own)) {
    return fail(PALIER_BAD_ARGUMENT, error, "palier_open: options.size is not sizeof(palier_options) of this library or an earlier one", "");
  }
  return palier_library_open(folder, &own, tagger, error);
}

BASELINE int palier_tag_text(
    const palier_tagger *tagger, const char *text, size_t length, palier_result **result, char **error) {
  if (error) *error = NULL;
  if (!result) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_text: result is NULL", "");
  *result = NULL;
  if (!tagger) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_text: tagger is NULL", "");
  if (!text && length > 0) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_text: text is NULL", "");
  if (length > PTRDIFF_MAX) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_text: length is beyond memory", "");
  return palier_library_tag_text(tagger, text ? text : "", length, result, error);
}

BASELINE int palier_tag_words(
    const palier_tagger *tagger, const char *const *words, const size_t *word_counts, size_t sentence_count,
    palier_result **result, char **error) {
  if (error) *error = NULL;
  if (!result) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: result is NULL", "");
  *result = NULL;
  if (!tagger) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: tagger is NULL", "");
  if (!word_counts && sentence_count > 0) {
    return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: word_counts is NULL", "");
  }
  if (sentence_count > PTRDIFF_MAX / sizeof *word_counts) {
    return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: sentence_count is beyond memory", "");
  }
  size_t total = 0;
  for (size_t s = 0; s < sentence_count; s++) {
    if (word_counts[s] > PTRDIFF_MAX / sizeof *words - total) {
      return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: word_counts add up to more than memory holds", "");
    }
    total += word_counts[s];
  }
  if (!words && total > 0) return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: words is NULL", "");
  for (size_t w = 0; w < total; w++) {
    if (words[w]) continue;
    char number[24];
    snprintf(number, sizeof number, "%zu is NULL", w);
    return fail(PALIER_BAD_ARGUMENT, error, "palier_tag_words: word ", number);
  }
  return palier_library_tag_words(tagger, words, word_counts, sentence_count, result, error);
}

BASELINE int palier_labels(const palier_tagger *tagger, const palier_label_list **labels, char **error) {
  if (error) *error = NULL;
  if (!labels) return fail(PALIER_BAD_ARGUMENT, error, "palier_labels: labels is NULL", "");
  *labels = NULL;
  if (!tagger) return fail(PALIER_BAD_ARGUMENT, error, "palier_labels: tagger is NULL", "");
  *labels = palier_library_labels(tagger);
  return PALIER_OK;
}

BASELINE void palier_close(palier_tagger *tagger) {
  if (tagger) palier_library_close(tagger);
}

BASELINE void palier_free(void *memory) { free(memory); }
