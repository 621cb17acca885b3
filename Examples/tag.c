// Tags the text on standard input with a checkpoint, through Palier's library (palier.h):
//
//   cc Examples/tag.c -I INCLUDE -L LIB -lpalier -Wl,-rpath,LIB -o tag
//   ./tag CHECKPOINT < report.txt
//
// INCLUDE and LIB are where palier.h and libpalier.so lie (launch/build --library says so). A line goes out for each entity, or
// for each word where the labels are parts of speech: start, end, label, score, text, with tabs between.
#include <palier.h>

#include <stdio.h>
#include <stdlib.h>

// All of standard input; its bytes go to *length.
static char *read_all(size_t *length) {
  size_t room = 1 << 16;
  char *text = malloc(room);
  *length = 0;
  while (text) {
    size_t count = fread(text + *length, 1, room - *length, stdin);
    if (count == 0) return text;
    *length += count;
    if (*length < room) continue;
    room *= 2;
    char *larger = realloc(text, room);
    if (!larger) free(text);
    text = larger;
  }
  return NULL;
}

static int fail(char *error) {
  fprintf(stderr, "tag: %s\n", error ? error : "out of memory");
  palier_free(error);
  return EXIT_FAILURE;
}

static void print(const palier_span *spans, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const palier_span *s = &spans[i];
    printf("%lld\t%lld\t%s\t%.6f\t", (long long)s->start, (long long)s->end, s->label ? s->label : "", s->score);
    // An entity may go on over the end of a line.
    for (const char *c = s->text; *c; c++) putchar(*c == '\n' || *c == '\t' ? ' ' : *c);
    putchar('\n');
  }
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: tag CHECKPOINT < TEXT\n");
    return 64;
  }
  char *error = NULL;
  palier_tagger *tagger = NULL;
  palier_options options = {.size = sizeof options};  // all defaults
  if (palier_open(arguments[1], &options, &tagger, &error) != PALIER_OK) return fail(error);

  const palier_label_list *labels = NULL;
  if (palier_labels(tagger, &labels, &error) != PALIER_OK) return fail(error);

  size_t length = 0;
  char *text = read_all(&length);
  if (!text) return fail(NULL);
  palier_result *result = NULL;
  if (palier_tag_text(tagger, text, length, &result, &error) != PALIER_OK) return fail(error);
  for (size_t i = 0; i < result->sentence_count; i++) {
    const palier_sentence *s = &result->sentences[i];
    if (labels->are_entities) {
      print(s->entities, s->entity_count);
    } else {
      print(s->words, s->word_count);
    }
  }
  palier_free(result);
  palier_close(tagger);
  free(text);
  return EXIT_SUCCESS;
}
