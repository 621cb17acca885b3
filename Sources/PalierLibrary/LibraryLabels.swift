import CPalier
import Corpus
import Foundation
import Inference

/// The list that `palier_labels` lends, in memory that lives as long as its tagger.
final class LibraryLabels: @unchecked Sendable {
  let list: UnsafeMutablePointer<palier_label_list>
  private let texts: [UnsafeMutablePointer<CChar>?]
  private let names: UnsafeMutablePointer<UnsafePointer<CChar>?>

  init(_ tagger: Tagger, _ tokenization: WordTokenization) {
    let labels = tagger.labels.names
    texts = (labels + [tagger.scheme.title, tokenization.rawValue]).map { strdup($0) }
    names = .allocate(capacity: labels.count)
    for i in labels.indices { names[i] = UnsafePointer(texts[i]) }
    list = .allocate(capacity: 1)
    list.initialize(
      to: palier_label_list(
        count: labels.count, names: UnsafePointer(names), are_entities: tagger.task == .entities ? 1 : 0,
        scheme: UnsafePointer(texts[labels.count]), tokenization: UnsafePointer(texts[labels.count + 1])))
  }

  deinit {
    for text in texts { free(text) }
    names.deallocate()
    list.deallocate()
  }
}
