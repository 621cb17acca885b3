import Corpus
import XCTest

/// Whether a corpus' words stand apart from punctuation.
final class PartedPunctuationTests: XCTestCase {
  private func parts(_ sentences: String...) -> Bool {
    let read = sentences.map { sentence in
      let words = sentence.split(separator: " ").map(String.init)
      return TaggedSentence(words: words, tags: words.map { _ in "O" }, source: "")
    }
    return TaggedCorpus(task: .entities, train: read, validation: [], test: []).partsPunctuation
  }

  func testTextsAsPeopleWriteThemDoNot() {
    XCTAssertFalse(parts("Le patient a une fièvre, une toux.", "Pas de fièvre ; repos (trois jours)."))
  }

  func testTextsWithSpacesAroundPunctuationDo() {
    XCTAssertTrue(parts("Le patient a une fièvre , une toux .", "Pas de fièvre ; repos ( trois jours ) ..."))
    XCTAssertTrue(
      parts(Array(repeating: "l' anti-inflammatoire est pris le soir", count: 20).joined(separator: " ") + " cp. 2"),
      "an abbreviation among many words, and hyphens, say nothing")
    XCTAssertTrue(parts())
  }
}
