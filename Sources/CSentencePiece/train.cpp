#include "CSentencePieceTrain.h"

#include <sentencepiece_trainer.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <unordered_map>

namespace {

/// The lines of a text in memory.
class Lines : public sentencepiece::SentenceIterator {
 public:
  Lines(const char *text, size_t byteCount) : at_(text), end_(text + byteCount) { Next(); }

  bool done() const override { return done_; }
  void Next() override {
    if (at_ == end_) {
      done_ = true;
      return;
    }
    const void *found = std::memchr(at_, '\n', end_ - at_);
    const char *line_end = found ? static_cast<const char *>(found) : end_;
    line_.assign(at_, line_end);
    at_ = found ? line_end + 1 : end_;
  }
  const std::string &value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const char *at_;
  const char *end_;
  std::string line_;
  bool done_ = false;
};

void report(const char *text, char *message, size_t capacity) {
  if (capacity > 0) std::snprintf(message, capacity, "%s", text);
}

}  // namespace

uint8_t *palier_sentencepiece_train(const char *text, size_t textByteCount, int32_t pieceCount, size_t *byteCount,
                                    char *message, size_t messageCapacity) {
  try {
    const std::unordered_map<std::string, std::string> settings = {
        {"model_type", "unigram"},
        {"vocab_size", std::to_string(pieceCount)},
        // Fewer pieces where the text does not give so many.
        {"hard_vocab_limit", "false"},
        {"character_coverage", "0.9995"},
        // Sums are shared out over threads: a fixed number of them keeps the model the same on every machine.
        {"num_threads", "4"},
        // Warnings and errors only.
        {"minloglevel", "2"},
    };
    Lines lines(text, textByteCount);
    std::string model;
    const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
    if (!status.ok()) {
      report(status.error_message(), message, messageCapacity);
      return nullptr;
    }
    auto *bytes = static_cast<uint8_t *>(std::malloc(model.size()));
    if (!bytes) {
      report("out of memory", message, messageCapacity);
      return nullptr;
    }
    std::memcpy(bytes, model.data(), model.size());
    *byteCount = model.size();
    return bytes;
  } catch (const std::exception &error) {
    report(error.what(), message, messageCapacity);
  } catch (...) {
    report("unknown C++ exception", message, messageCapacity);
  }
  return nullptr;
}

void palier_sentencepiece_free(uint8_t *model) { std::free(model); }
