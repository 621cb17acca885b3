// A C face of SentencePiece's segmenter (a C++ library), for Swift.
//
// Wrapped: sentencepiece::SentencePieceProcessor, its LoadFromSerializedProto, GetPieceSize and Encode (ids, pieces).
// Why a shim: the library's interface is C++ (std::string_view, std::vector, virtual classes), and it reports by status
// or by exception. No exception leaves these functions. It can go when Swift calls the C++ class directly.
#if !__has_include(<sentencepiece_processor.h>)
#error "SentencePiece not found: install it with: apt-get install libsentencepiece-dev"
#endif

#ifndef PALIER_CSENTENCEPIECE_H
#define PALIER_CSENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "CSentencePieceTrain.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A loaded model; encoding with one from several threads at once is allowed.
typedef struct palier_spm palier_spm;

/// What a function below returns in place of a count when it failed.
enum { PALIER_SPM_FAILED = -1 };

/// Loads a serialized ModelProto. NULL on failure, and then `message` holds why, cut to `messageCapacity` with its NUL.
///
/// The library trusts parts of the model: the caller has checked it (see SentencePieceModel.swift).
palier_spm *palier_spm_create(const void *model, size_t byteCount, char *message, size_t messageCapacity);

/// Frees a model; NULL is allowed.
void palier_spm_destroy(palier_spm *model);

/// The number of pieces.
int64_t palier_spm_piece_count(const palier_spm *model);

/// Writes the library's ids of the UTF-8 `text` (NUL bytes allowed) and returns how many there are.
///
/// Where there are more than `capacity`, only the first `capacity` are written: call again with that much room.
/// PALIER_SPM_FAILED when the library refuses or memory runs out.
int64_t palier_spm_encode(const palier_spm *model, const char *text, size_t byteCount, int32_t *ids, size_t capacity);

/// Writes `text` as the model normalises it (its pieces, joined) and returns its byte count, as `palier_spm_encode` does.
///
/// Why: the library's normaliser has no public call of its own before version 0.2.0. The pieces are those of a whole Encode, so
/// that a model without pieces (SentencePieceModel+Serialized.swift) makes it cheap.
int64_t palier_spm_normalize(const palier_spm *model, const char *text, size_t byteCount, char *normalized,
                             size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
