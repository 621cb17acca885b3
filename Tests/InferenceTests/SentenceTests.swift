import Corpus
import Foundation
import Inference
import TestSupport
import XCTest

/// Where running text is cut. The expected sentences are written by hand.
final class SentenceTests: XCTestCase {
  private func sentences(_ text: String, _ kind: TextReader.Sentences = .split) -> [TextSentence] {
    var reader = TextReader(.punctuation, kind)
    var found: [TextSentence] = []
    for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
      found += reader.add(line: String(line))
    }
    return found + reader.finish()
  }

  /// `|` in `marked` stands where one sentence ends and white space, or a line's end, follows.
  private func check(_ marked: String, line: UInt = #line) {
    let text = marked.replacingOccurrences(of: "|", with: "")
    let expected = marked.split(separator: "|").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    XCTAssertEqual(sentences(text).map(\.text), expected, line: line)
  }

  func testSentencesEndAtTheirMarks() {
    check("Le patient tousse.| Il est fébrile !| Depuis quand ?| Depuis hier…| Rien d'autre.")
    check("« Je tousse. »| Il est parti.| (Voir plus haut.)| Rien.")
    check("Que contient cette notice ?| 1. Quand le prendre ?| 2. Comment ?")
    check("On parle d'avis.| Élève de douze ans.")
  }

  func testAbbreviationsEndNoSentence() {
    check("Adressé par le Dr. Martin et Mme. Durand pour avis.| Revu le 3 oct. 2019.")
    check("Cf. le compte rendu, p. ex. celui du Pr. Roux.| Traité par J. Martin puis M. A. Petit.")
    check("Une hépatite B. | Il va mieux.| Voir n. 5, fig. 2 et p. 12 du dossier.")
    check("Max. 3 par jour, env. 2 cp. 3 fois.| Fin.")
  }

  func testNumbersAndDosesStayWhole() {
    check("Paracétamol 0.5 g, soit 500 mg, température 38.2 °C.| Dose de 0,5 mg.| Fin")
    check("Le 12.03.2020 à 8 h.| Le soir, rien.")
    check("Voir rubrique 4.| Que contient la boîte ?")
  }

  func testSmallLettersGoOn() {
    check("Il a mangé... puis vomi.| Ensuite rien.")
    check("Douleurs abdo. diffuses sans fièvre.")
  }

  func testBulletsInsideALineBeginASentence() {
    check("Avertissez votre médecin| · si vous toussez| · si vous dormez mal")
  }

  func testLinesThatAreWrappedBelongTogether() {
    check("Patient hospitalisé pour une\ndyspnée aiguë, traité par\nParacétamol à la dose de\n500 mg.| Sortie.")
    check("Vu par le Dr.\nMartin ce jour.|\nRetour à domicile")
  }

  func testListsHeadingsAndBlankLinesCut() {
    check("ANTECEDENTS|\nhypertension artérielle|\n- asthme|\n- diabète de type 2|\n1. allergie|\na) pénicilline")
    check("Motif :|\ntoux fébrile|\n\nExamen clinique|\nAuscultation normale")
  }

  func testABlankLineAlwaysCuts() {
    XCTAssertEqual(sentences("pour une\n\ndyspnée").map(\.text), ["pour une", "dyspnée"])
    XCTAssertEqual(sentences("pour une\r\n \t\r\ndyspnée\r\n").map(\.text), ["pour une", "dyspnée"])
  }

  func testALineIsASentenceWhereItIsAskedFor() {
    XCTAssertEqual(
      sentences("Il tousse. Il dort.\n\nune ligne\nautre", .lines).map(\.text),
      ["Il tousse. Il dort.", "une ligne", "autre"])
  }

  func testOffsetsCountCodePoints() {
    // A byte-order mark, a letter beyond the first plane, a combining accent, CR LF.
    let text = "\u{FEFF}𝛼-bloquant e\u{301}leve\u{301}.\r\nIl dort."
    let found = sentences(text)
    XCTAssertEqual(found.map(\.text), ["𝛼-bloquant e\u{301}leve\u{301}.", "Il dort."])
    XCTAssertEqual(found.map(\.range), [1..<20, 22..<30])
    XCTAssertEqual(found[0].words.map { found[0].text(of: $0) }, ["𝛼", "-", "bloquant", "e\u{301}leve\u{301}", "."])
    XCTAssertEqual(found[1].words.map { found[1].text(of: $0) }, ["Il", "dort", "."])
  }

  func testWordsAreThoseOfTheTokenization() {
    var reader = TextReader(.whitespace)
    let words = (reader.add(line: "L'asthme, dit-il.") + reader.finish()).flatMap { s in s.words.map { s.text(of: $0) }
    }
    XCTAssertEqual(words, ["L'asthme,", "dit-il."])
  }

  /// Nothing is lost, nothing is there twice, and offsets are of the very text: on made-up and on real texts.
  private func checkInvariants(_ text: String, _ what: String) {
    let scalars = Array(text.unicodeScalars)
    var end = 0
    for sentence in sentences(text) {
      XCTAssertGreaterThanOrEqual(sentence.range.lowerBound, end, what)
      let between = scalars[end..<sentence.range.lowerBound]
      XCTAssertTrue(
        between.allSatisfy { $0.properties.isWhitespace || $0 == "\u{FEFF}" }, "\(what): lost before \(sentence.text)")
      var wordEnd = sentence.range.lowerBound
      for word in sentence.words {
        guard word.lowerBound >= wordEnd, word.upperBound <= sentence.range.upperBound, !word.isEmpty else {
          return XCTFail("\(what): words of \(sentence.text)")
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[word])
        if sentence.text(of: word).unicodeScalars.elementsEqual(view) == false { return XCTFail("\(what): \(view)") }
        if !scalars[wordEnd..<word.lowerBound].allSatisfy(\.properties.isWhitespace) { return XCTFail("\(what): lost") }
        wordEnd = word.upperBound
      }
      XCTAssertEqual(wordEnd, sentence.range.upperBound, what)
      end = sentence.range.upperBound
    }
    XCTAssertTrue(
      scalars[end...].allSatisfy { $0.properties.isWhitespace || $0 == "\u{FEFF}" }, "\(what): lost at the end")
  }

  func testNothingIsLostOfMadeUpTexts() {
    var numbers = SeededNumbers(seed: 5)
    let pieces = [
      "a", "É", "le", "Dr.", "M.", "0,5", "3.", ".", "!", "…", "»", "(", "·", "-", "\n", "\n\n", "\r\n", " ", "\t",
      "\u{A0}", "\u{301}", "\u{FEFF}", "l'", "𝛼", ":", "1.", "a)", "mg",
    ]
    for round in 0..<400 {
      let text = (0..<numbers.below(40)).map { _ in
        pieces[numbers.below(pieces.count)] + (numbers.below(3) == 0 ? " " : "")
      }
      checkInvariants(text.joined(), "round \(round)")
    }
  }

  func testNothingIsLostOfClinicalTexts() throws {
    let file = try SharedFolder.url("data/e3c-fr/corpus.txt")
    let handle = try FileHandle(forReadingFrom: file)
    let bytes = try XCTUnwrap(try handle.read(upToCount: 1 << 20))
    let text = String(decoding: bytes, as: UTF8.self)
    checkInvariants(text, "e3c")
    let found = sentences(text)
    let words = found.map(\.words.count).sorted()
    // The corpus cuts documents at sentence ends into lines of at most 2,000 characters: some 20 sentences a line.
    XCTAssertGreaterThan(found.count, 3_000)
    XCTAssertTrue((8...30).contains(words[words.count / 2]), "median of \(words[words.count / 2]) words")
    XCTAssertLessThan(words[words.count * 99 / 100], 150)
    // A sentence begins with a small letter where a list's item does, and seldom elsewhere.
    let small = found.filter { $0.text.unicodeScalars.first?.properties.isLowercase ?? false }.count
    XCTAssertLessThan(Double(small) / Double(found.count), 0.05)
  }
}
