// A C face of SentencePiece's trainer (libsentencepiece_train), for Swift.
//
// Wrapped: sentencepiece::SentencePieceTrainer::Train with a SentenceIterator, which takes lines from memory and gives the
// model as bytes: no path goes through the library's comma-separated lists, and nothing is written to disk.
// Why a shim: the interface is C++. It can go when Swift calls the C++ class directly.
#if !__has_include(<sentencepiece_trainer.h>)
#error "SentencePiece's trainer not found: install it with: apt-get install libsentencepiece-dev"
#endif

#ifndef PALIER_CSENTENCEPIECE_TRAIN_H
#define PALIER_CSENTENCEPIECE_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Trains a unigram model of at most `pieceCount` pieces on the lines of `text` (well-formed UTF-8, separated by line feeds).
///
/// Pieces 0, 1, 2 are <unk>, <s>, </s>, as CamemBERT's id table needs; settings otherwise those of the tokenizers of
/// CamemBERT's kind (nmt_nfkc, character coverage 0.9995). The number of threads is fixed: the model follows from the text
/// alone. Returns the serialized ModelProto, to be freed with palier_sentencepiece_free, and its size in `*byteCount`; or NULL,
/// and then `message` holds why, cut to `messageCapacity` with its NUL.
uint8_t *palier_sentencepiece_train(const char *text, size_t textByteCount, int32_t pieceCount, size_t *byteCount,
                                    char *message, size_t messageCapacity);

/// Frees a model; NULL is allowed.
void palier_sentencepiece_free(uint8_t *model);

#ifdef __cplusplus
}
#endif

#endif
