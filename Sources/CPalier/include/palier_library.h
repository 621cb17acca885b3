// What the C side of the library asks the Swift side to do (Sources/PalierLibrary). Not for users of the library.
#ifndef PALIER_LIBRARY_H
#define PALIER_LIBRARY_H

#include "palier.h"

// As the calls without `library` in their names, all pointers but `error`'s looked at: options are complete, *error is set to NULL.
int palier_library_open(const char *folder, const palier_options *options, palier_tagger **tagger, char **error);
int palier_library_tag_text(
    const palier_tagger *tagger, const char *text, size_t length, palier_result **result, char **error);
int palier_library_tag_words(
    const palier_tagger *tagger, const char *const *words, const size_t *word_counts, size_t sentence_count,
    palier_result **result, char **error);
const palier_label_list *palier_library_labels(const palier_tagger *tagger);
void palier_library_close(palier_tagger *tagger);

#endif
