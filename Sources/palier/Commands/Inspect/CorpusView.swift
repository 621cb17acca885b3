import Base
import Configuration
import Corpus
import Foundation
import Training

/// What a tagged corpus holds, in words.
struct CorpusView {
  private let settings: RunConfiguration.FineTuning

  init(_ settings: RunConfiguration.FineTuning) { self.settings = settings }

  func show(tokenizer: String?) throws {
    let corpus = try FineTuningData.read(settings)
    var encoded: [TaggedSplitName: EncodedSplit] = [:]
    if let tokenizer {
      let loaded = try Tokenizer(folder: Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)"))
      let labels = try LabelSet(names: corpus.labels)
      for split in corpus.splits {
        encoded[split.name] = try TaggedEncoding.windows(
          of: split.sentences, labels: labels, maximumTokens: settings.maximumTokens
        ) { try loaded.encode(words: $0) }
      }
    }
    Output.say("tagged corpus, \(corpus.task.rawValue), \(counted(corpus.labels.count, "label"))")
    for line in TaggedAudit(corpus, encoded: encoded).lines { Output.say(line) }
  }
}
