/// What can go wrong with a tokenizer, a text corpus or a token store, beyond what the machine refuses (`FileError`). The description is one line.
public enum CorpusError: Error, Equatable, CustomStringConvertible {
  // Tokenizer.
  /// The folder holds no SentencePiece model.
  case noTokenizerModel(folder: String)
  /// The SentencePiece model is malformed, or not of the kind that CamemBERT's id table fits.
  case badTokenizerModel(path: String, problem: String)
  /// The SentencePiece library refused a text (out of memory, as a rule).
  case cannotEncode(byteCount: Int)
  /// A stretch of text that must be encoded in one go is longer than the library can be trusted with.
  case textTooLong(byteCount: Int, limit: Int)
  /// The SentencePiece library could make no model of a text.
  case cannotTrain(files: [String], reason: String)

  // Tokenization.
  /// More than one character in a thousand of a text file is not UTF-8.
  case notText(path: String, unreadable: Int, characters: Int, cure: String)
  /// The text files hold no document.
  case emptyCorpus(files: [String])
  /// A text file changed its size while it was being tokenized.
  case sourceChanged(path: String, planned: Int, found: Int)
  /// A text file has other bytes here than where its tokenization was planned.
  case otherText(path: String, start: Int)
  /// A rank's part of a store under construction is missing, of another plan, or damaged.
  case badPart(path: String, problem: String)

  // Token store.
  /// There is something already where the store should go.
  case storeExists(path: String)
  /// The store's manifest is missing a value or holds one that cannot be.
  case badManifest(path: String, problem: String)
  /// The token file has not the length that the manifest gives.
  case wrongTokenFileLength(path: String, expected: Int, found: Int)
  /// The token file has not the SHA-256 that the manifest gives.
  case wrongChecksum(path: String, expected: String, found: String)
  /// A token of the store is outside the vocabulary.
  case tokenOutOfVocabulary(path: String, position: Int, id: Int, vocabularySize: Int)
  /// The store was made by another tokenizer.
  case otherTokenizer(path: String, expected: String, found: String)

  // Order.
  /// There is nothing to draw training samples from.
  case noSamples(purpose: String)

  /// One line: what, where, expected and found, what to do.
  public var description: String {
    switch self {
    case .noTokenizerModel(let folder):
      return "\(folder): no \(Tokenizer.modelFileName) here; give the folder of a CamemBERT-style tokenizer"
    case .badTokenizerModel(let path, let problem):
      return "\(path): not a usable SentencePiece model: \(problem); fetch the tokenizer again"
    case .cannotEncode(let byteCount):
      return "SentencePiece could not encode \(byteCount) bytes of text; is memory short?"
    case .textTooLong(let byteCount, let limit):
      return "\(byteCount) bytes of text without a place to cut (at most \(limit)); is this a text file?"
    case .cannotTrain(let files, let reason):
      return "\(files.joined(separator: ", ")): no tokenizer could be trained: \(reason)"
    case .notText(let path, let unreadable, let characters, let cure):
      return "\(path): not UTF-8 text: \(unreadable) of \(characters) characters cannot be read; \(cure)"
    case .emptyCorpus(let files):
      return "\(files.joined(separator: ", ")): no document in it; give UTF-8 text"
    case .sourceChanged(let path, let planned, let found):
      return "\(path): \(found) bytes, \(planned) when planned; leave it alone while it is tokenized and start again"
    case .otherText(let path, let start):
      return
        "\(path): its text from byte \(start) on is not what rank 0 read; give all ranks the same files and start again"
    case .badPart(let path, let problem):
      return "\(path): \(problem); run tokenize again"
    case .storeExists(let path):
      return "\(path): exists already; remove it or give another place for the store"
    case .badManifest(let path, let problem):
      return "\(path): \(problem); is this a token store? if so, tokenize again"
    case .wrongTokenFileLength(let path, let expected, let found):
      return "\(path): \(found) bytes, \(expected) by its manifest; copy the store again"
    case .wrongChecksum(let path, let expected, let found):
      return "\(path): SHA-256 \(found), \(expected) by its manifest; copy the store again"
    case .tokenOutOfVocabulary(let path, let position, let id, let vocabularySize):
      return "\(path): token \(position) is \(id), the vocabulary ends at \(vocabularySize - 1); copy the store again"
    case .otherTokenizer(let path, let expected, let found):
      return "\(path): made by tokenizer \(found), this one is \(expected); tokenize with this model's tokenizer"
    case .noSamples(let purpose):
      return "no sample to draw (\(purpose)): the corpus is smaller than one block or sentence"
    }
  }
}
