// What palier.h promises: codes and texts for bad arguments, the same bits from many threads, OpenMP left as it was.
//
//   calls CHECKPOINT TEXT_FILE NOT_A_TAGGER
//
// Prints a line for each thing that is not so, and ends with their number (at most 99).
#include <palier.h>

#include <omp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong;
static void check(int holds, const char *form, ...) {
  if (holds) return;
  wrong++;
  va_list arguments;
  va_start(arguments, form);
  vprintf(form, arguments);
  va_end(arguments);
  putchar('\n');
}

// The call that just ended refused with this code and one line in *error that has `word`.
static void refused(const char *what, int code, int expected, char **error, const char *word) {
  check(code == expected, "%s: code %d, not %d", what, code, expected);
  check(*error && strstr(*error, word) && !strchr(*error, '\n'), "%s: the error is %s", what, *error ? *error : "NULL");
  palier_free(*error);
}

static int same_spans(const palier_span *a, const palier_span *b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (a[i].start != b[i].start || a[i].end != b[i].end || strcmp(a[i].text, b[i].text)) return 0;
    if (!a[i].label != !b[i].label || (a[i].label && strcmp(a[i].label, b[i].label))) return 0;
    if (memcmp(&a[i].score, &b[i].score, sizeof a[i].score)) return 0;
  }
  return 1;
}

static int same(const palier_result *a, const palier_result *b) {
  if (a->sentence_count != b->sentence_count) return 0;
  for (size_t i = 0; i < a->sentence_count; i++) {
    const palier_sentence *s = &a->sentences[i], *t = &b->sentences[i];
    if (s->start != t->start || s->end != t->end) return 0;
    if (s->word_count != t->word_count || s->entity_count != t->entity_count) return 0;
    if (!same_spans(s->words, t->words, s->word_count)) return 0;
    if (!same_spans(s->entities, t->entities, s->entity_count)) return 0;
  }
  return 1;
}

static palier_tagger *tagger;
static const char *text;
static size_t length;
static palier_result *alone;

static int tags_the_same(palier_tagger *with) {
  palier_result *result = NULL;
  if (palier_tag_text(with, text, length, &result, NULL) != PALIER_OK) return 0;
  int is_same = same(result, alone);
  palier_free(result);
  return is_same;
}

static void *tag_often(void *failures) {
  for (int i = 0; i < 4; i++) *(int *)failures += !tags_the_same(tagger);
  return NULL;
}

static char *read_file(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(99);
  fseek(file, 0, SEEK_END);
  *count = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*count + 1);
  if (fread(bytes, 1, *count, file) != *count) exit(99);
  fclose(file);
  return bytes;
}

static void bad_opens(const char *checkpoint, const char *no_tagger) {
  char *error = NULL;
  palier_tagger *t = (palier_tagger *)&wrong;
  refused("no place", palier_open(checkpoint, NULL, NULL, &error), PALIER_BAD_ARGUMENT, &error, "tagger is NULL");
  refused("no folder", palier_open(NULL, NULL, &t, &error), PALIER_BAD_ARGUMENT, &error, "folder is NULL");
  check(!t, "a refused open leaves a tagger");
  refused("empty", palier_open("", NULL, &t, &error), PALIER_BAD_ARGUMENT, &error, "empty");
  refused("absent", palier_open("/no/such/folder", NULL, &t, &error), PALIER_CANNOT_OPEN, &error, "/no/such/folder");
  refused("not UTF-8", palier_open("\xC3\x28", NULL, &t, &error), PALIER_NOT_UTF8, &error, "not UTF-8");
  refused("no tagger", palier_open(no_tagger, NULL, &t, &error), PALIER_CANNOT_OPEN, &error, "classifier");
  check(palier_open("/no/such/folder", NULL, &t, NULL) == PALIER_CANNOT_OPEN, "without a place for the error");

  palier_options o = {0};
  refused("size 0", palier_open(checkpoint, &o, &t, &error), PALIER_BAD_ARGUMENT, &error, "options.size");
  o.size = sizeof o;
  o.threads = -1;
  refused("threads", palier_open(checkpoint, &o, &t, &error), PALIER_BAD_ARGUMENT, &error, "options.threads is -1");
  o.threads = 0;
  o.maximum_tokens = 2;
  refused("window", palier_open(checkpoint, &o, &t, &error), PALIER_BAD_ARGUMENT, &error, "options.maximum_tokens is 2");
  o.maximum_tokens = 0;
  o.batch_tokens = 1 << 30;
  refused("batch", palier_open(checkpoint, &o, &t, &error), PALIER_BAD_ARGUMENT, &error, "options.batch_tokens");
  o.batch_tokens = 0;
  o.tokenization = "words";
  refused("cutting", palier_open(checkpoint, &o, &t, &error), PALIER_BAD_ARGUMENT, &error, "whitespace");
  o.tokenization = NULL;
  o.tokenizer = "/no/such/tokenizer";
  refused("tokenizer", palier_open(checkpoint, &o, &t, &error), PALIER_CANNOT_OPEN, &error, "/no/such/tokenizer");
  // A later version's options: what is unknown may ask for nothing.
  struct { palier_options known; int64_t later; } later = {.known = {.size = sizeof later}, .later = 1};
  refused("later", palier_open(checkpoint, &later.known, &t, &error), PALIER_BAD_ARGUMENT, &error, "options.size");
  later.later = 0;
  check(palier_open(checkpoint, &later.known, &t, &error) == PALIER_OK && !error, "unknown options at zero");
  palier_close(t);
  // An earlier version's: what it lacks is the default.
  o.size = 16;
  check(palier_open(checkpoint, &o, &t, &error) == PALIER_OK, "short options");
  palier_close(t);
  palier_close(NULL);
  palier_free(NULL);
}

static void bad_calls(void) {
  char *error = NULL;
  palier_result *r = (palier_result *)&wrong;
  const palier_label_list *labels = NULL;
  refused("NULL", palier_tag_text(NULL, "a", 1, &r, &error), PALIER_BAD_ARGUMENT, &error, "tagger is NULL");
  check(!r, "a refused call leaves a result");
  refused("NULL", palier_tag_text(tagger, NULL, 1, &r, &error), PALIER_BAD_ARGUMENT, &error, "text is NULL");
  refused("NULL", palier_tag_text(tagger, "a", 1, NULL, &error), PALIER_BAD_ARGUMENT, &error, "result is NULL");
  refused("long", palier_tag_text(tagger, "a", SIZE_MAX, &r, &error), PALIER_BAD_ARGUMENT, &error, "length");
  refused("NULL", palier_labels(NULL, &labels, &error), PALIER_BAD_ARGUMENT, &error, "tagger is NULL");
  refused("NULL", palier_labels(tagger, NULL, &error), PALIER_BAD_ARGUMENT, &error, "labels is NULL");
  const char *words[] = {"Le", "patient", NULL, "\xFF"};
  const size_t counts[] = {2, 1}, last[] = {3}, huge[] = {SIZE_MAX / 16, SIZE_MAX / 16 * 15};
  refused("NULL", palier_tag_words(NULL, words, counts, 1, &r, &error), PALIER_BAD_ARGUMENT, &error, "tagger is NULL");
  refused("NULL", palier_tag_words(tagger, NULL, counts, 1, &r, &error), PALIER_BAD_ARGUMENT, &error, "words is NULL");
  refused("NULL", palier_tag_words(tagger, words, NULL, 1, &r, &error), PALIER_BAD_ARGUMENT, &error, "counts is NULL");
  refused("NULL", palier_tag_words(tagger, words, counts, 1, NULL, &error), PALIER_BAD_ARGUMENT, &error, "result is");
  refused("NULL", palier_tag_words(tagger, words, counts, 2, &r, &error), PALIER_BAD_ARGUMENT, &error, "word 2 is NULL");
  refused("much", palier_tag_words(tagger, words, huge, 2, &r, &error), PALIER_BAD_ARGUMENT, &error, "add up");
  words[2] = "tousse";
  words[1] = words[3];
  refused("bytes", palier_tag_words(tagger, words, last, 1, &r, &error), PALIER_NOT_UTF8, &error, "word 1 ");
  refused("bytes", palier_tag_text(tagger, "Il tousse.\n\xC3\x28\n", 14, &r, &error), PALIER_NOT_UTF8, &error, "line 2");
  check(palier_tag_text(tagger, "Il tousse.\n\xC3\x28\n", 14, &r, NULL) == PALIER_NOT_UTF8, "without its text");
}

static void empty_ones(void) {
  palier_result *r = NULL;
  check(palier_tag_text(tagger, NULL, 0, &r, NULL) == PALIER_OK && r && r->sentence_count == 0, "no text");
  palier_free(r);
  check(palier_tag_words(tagger, NULL, NULL, 0, &r, NULL) == PALIER_OK && r->sentence_count == 0, "no sentence");
  palier_free(r);
  const char *words[] = {"", "Il", "tousse", "\xE2\x80\x8B"};
  const size_t counts[] = {0, 1, 3};
  check(palier_tag_words(tagger, words, counts, 3, &r, NULL) == PALIER_OK && r->sentence_count == 3, "empty words");
  if (r && r->sentence_count == 3) {
    check(r->sentences[0].word_count == 0 && r->sentences[1].word_count == 1, "an empty sentence");
    check(r->sentences[2].start == 1 && r->sentences[2].end == 4 && !r->sentences[2].text, "the last sentence's place");
    check(!strcmp(r->sentences[1].words[0].label, "O") && r->sentences[1].words[0].score == 0, "a word without a piece");
  }
  palier_free(r);
  // A NUL is a code point like others.
  check(palier_tag_text(tagger, "Il\0 tousse.", 11, &r, NULL) == PALIER_OK && r->sentence_count == 1, "a NUL");
  if (r && r->sentence_count == 1) check(r->sentences[0].end == 11, "a text with a NUL ends at %d", (int)r->sentences[0].end);
  palier_free(r);
}

int main(int count, char **arguments) {
  if (count != 4) return 99;
  text = read_file(arguments[2], &length);
  bad_opens(arguments[1], arguments[3]);

  palier_options options = {.size = sizeof options, .threads = 1};
  palier_tagger *one = NULL;
  char *error = NULL;
  check(palier_open(arguments[1], &options, &one, &error) == PALIER_OK, "%s", error);
  if (!one) return 99;
  check(palier_tag_text(one, text, length, &alone, &error) == PALIER_OK && !error, "%s", error);
  if (!alone) return 99;
  size_t entities = 0;
  for (size_t i = 0; i < alone->sentence_count; i++) entities += alone->sentences[i].entity_count;
  check(entities > 5, "%zu entities: nothing is compared", entities);

  // Two threads a call, batches of another size, and four callers of one tagger while the other one is used as well.
  options.threads = 2;
  options.batch_tokens = 100;
  check(palier_open(arguments[1], &options, &tagger, &error) == PALIER_OK, "%s", error);
  if (!tagger) return 99;
  omp_set_num_threads(3);
  check(tags_the_same(tagger), "two threads and other batches");
  check(omp_get_max_threads() == 3, "OpenMP has %d threads after a call, and had 3", omp_get_max_threads());
  enum { CALLERS = 4 };
  pthread_t callers[CALLERS];
  int failures[CALLERS] = {0};
  for (int i = 0; i < CALLERS; i++) pthread_create(&callers[i], NULL, tag_often, &failures[i]);
  check(tags_the_same(one), "another tagger beside them");
  for (int i = 0; i < CALLERS; i++) {
    pthread_join(callers[i], NULL);
    check(failures[i] == 0, "caller %d: %d of 4 differ", i, failures[i]);
  }
  // In a parallel region of the caller's own.
  int differing = 0;
#pragma omp parallel num_threads(3) reduction(+ : differing)
  differing += !tags_the_same(tagger);
  check(differing == 0, "%d of 3 differ in a parallel region", differing);

  bad_calls();
  empty_ones();
  palier_close(one);
  palier_close(tagger);
  check(alone->sentences[0].end > 0, "a result outlives its tagger");
  palier_free(alone);
  return wrong < 99 ? wrong : 99;
}
