// Palier's tagger as a C library: a checkpoint folder in, labels with offsets and scores out. docs/tagging.md, "From C and Python".
//
// Five calls, and palier_free, which frees whatever they give. Each call answers PALIER_OK or another code; where `error` is not
// NULL, *error is then one line of text, to be freed by palier_free, and NULL after PALIER_OK. Nothing is kept in global
// variables, printed, or thrown.
//
// Threads: any number of them may tag with one tagger at the same time, and get what one alone would get, bit for bit. They share
// its weights; each call that runs at once takes memory of its own (tens of MB at base size), which the tagger keeps for later
// calls. palier_close must be the last call of a tagger: one that is closed must not be used, as memory after free().
// A process that forks must open its taggers after the fork.
//
// All text is UTF-8. Offsets count Unicode code points from 0; ends are exclusive.
#ifndef PALIER_H
#define PALIER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What a call answers.
enum {
  PALIER_OK = 0,
  PALIER_BAD_ARGUMENT = 1,  // a NULL where there must be none, a number out of range, an unknown word
  PALIER_NOT_UTF8 = 2,      // text or words that are not UTF-8
  PALIER_CANNOT_OPEN = 3,   // no folder, no classifier, a damaged file, a CPU that lacks what the library was built for
  PALIER_CANNOT_TAG = 4     // the text cannot be tagged; the error says why
};

// A checkpoint that is opened to tag.
typedef struct palier_tagger palier_tagger;

// How to open it. Zero is the default of every field, so that `palier_options o = {.size = sizeof o};` is all of them.
typedef struct {
  size_t size;               // sizeof(palier_options)
  int32_t threads;           // threads of one call; 0: a thread a core that the process may use. A program that calls from many
                             // threads of its own takes 1.
  int32_t maximum_tokens;    // the longest window of a sentence; 0: 512
  int32_t batch_tokens;      // tokens that go through the model at once; 0: 2048
  int32_t lines;             // not 0: each line of a text is a sentence
  int32_t strict;            // not 0: only a B- opens an entity
  int32_t trust;             // not 0: the files are not compared with their checksums
  const char *tokenization;  // "punctuation" or "whitespace"; NULL: as the checkpoint notes it
  const char *tokenizer;     // the folder of the tokenizer; NULL: the checkpoint's own
} palier_options;

// A word or an entity.
typedef struct {
  const char *label;  // a word's label, as O, B-DISO, NOUN (NULL: a word that gives no piece, where labels are no entities'); an
                      // entity's type
  const char *text;   // as it stands in the text; an entity of words: its words with spaces between. A NUL in it ends it early.
  int64_t start;      // code points of the text; of an entity of words: its first word in the sentence, and the one after its
  int64_t end;        // last; of a word that came as such: its number, and 1 more
  double score;       // the probability of the label; of an entity the mean over its words; 0 of a word that gives no piece
} palier_span;

// A sentence with its words, and with its entities where the labels are entities'.
typedef struct {
  int64_t start;  // code points of the text; of words: the number of its first among all that were given
  int64_t end;
  const char *text;  // NULL of a sentence that came as words
  size_t word_count;
  const palier_span *words;
  size_t entity_count;
  const palier_span *entities;
} palier_sentence;

// All sentences, in order. One block of memory: palier_free frees it with all that it points to.
typedef struct {
  size_t sentence_count;
  const palier_sentence *sentences;
} palier_result;

// What a checkpoint tags. It belongs to its tagger, and ends with it.
typedef struct {
  size_t count;
  const char *const *names;  // the labels, in the order of the classes
  int32_t are_entities;      // not 0: B- and I- of entity types, and O; else a tag a word
  const char *scheme;        // how the model is quantized, as LSQ_E6W2A6
  const char *tokenization;  // where running text is cut into words
} palier_label_list;

// Opens the checkpoint in `folder`, packed or not. `options` may be NULL.
int palier_open(const char *folder, const palier_options *options, palier_tagger **tagger, char **error);

// Tags `length` bytes of text, cut into sentences and words as `palier tag` cuts it. `text` may be NULL where `length` is 0.
int palier_tag_text(
    const palier_tagger *tagger, const char *text, size_t length, palier_result **result, char **error);

// Tags sentences of words: `words` holds all of them end to end, `word_counts` how many are each sentence's.
int palier_tag_words(
    const palier_tagger *tagger, const char *const *words, const size_t *word_counts, size_t sentence_count,
    palier_result **result, char **error);

// What the tagger's checkpoint tags.
int palier_labels(const palier_tagger *tagger, const palier_label_list **labels, char **error);

// Closes a tagger that no call uses. NULL does nothing.
void palier_close(palier_tagger *tagger);

// Frees a result or an error. NULL does nothing.
void palier_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
