#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct palier_spm {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

void report(const char *text, char *message, size_t capacity) {
  if (capacity > 0) std::snprintf(message, capacity, "%s", text);
}

}  // namespace

palier_spm *palier_spm_create(const void *model, size_t byteCount, char *message, size_t messageCapacity) {
  try {
    auto made = std::make_unique<palier_spm>();
    const auto status =
        made->processor.LoadFromSerializedProto(std::string_view(static_cast<const char *>(model), byteCount));
    if (status.ok()) return made.release();
    report(status.error_message(), message, messageCapacity);
  } catch (const std::exception &error) {
    report(error.what(), message, messageCapacity);
  } catch (...) {
    report("unknown C++ exception", message, messageCapacity);
  }
  return nullptr;
}

void palier_spm_destroy(palier_spm *model) { delete model; }

int64_t palier_spm_piece_count(const palier_spm *model) { return model->processor.GetPieceSize(); }

int64_t palier_spm_encode(const palier_spm *model, const char *text, size_t byteCount, int32_t *ids, size_t capacity) {
  try {
    std::vector<int> found;
    if (!model->processor.Encode(std::string_view(text, byteCount), &found).ok()) return PALIER_SPM_FAILED;
    std::copy_n(found.begin(), std::min(found.size(), capacity), ids);
    return static_cast<int64_t>(found.size());
  } catch (...) {
    return PALIER_SPM_FAILED;
  }
}

int64_t palier_spm_normalize(const palier_spm *model, const char *text, size_t byteCount, char *normalized,
                             size_t capacity) {
  try {
    std::vector<std::string> pieces;
    if (!model->processor.Encode(std::string_view(text, byteCount), &pieces).ok()) return PALIER_SPM_FAILED;
    std::string joined;
    for (const auto &piece : pieces) joined += piece;
    std::copy_n(joined.begin(), std::min(joined.size(), capacity), normalized);
    return static_cast<int64_t>(joined.size());
  } catch (...) {
    return PALIER_SPM_FAILED;
  }
}
