import Base
import Foundation

/// The making of a token store by any number of ranks, with the same bytes for each.
///
/// ```swift
/// let build = try TokenStoreBuild(store: out, plan: plan, tokenizer: tokenizer)
/// if rank == 0 { try build.prepare() }
/// // all ranks meet
/// try build.encodePart(of: rank, rankCount: rankCount) { bytesDone in … }
/// // all ranks meet
/// if rank == 0 { let manifest = try build.joinParts(rankCount: rankCount) }
/// ```
/// Everything happens in `STORE.partial` beside the store, which gets its name when complete.
public struct TokenStoreBuild {
  /// The store's folder, absent until `joinParts` ends.
  public let store: URL
  /// The folder of the work in progress.
  public let workFolder: URL

  private let plan: TokenizationPlan
  private let tokenizer: Tokenizer
  private let fingerprint: String
  let width: TokenWidth
  /// Whether of documents with the same tokens the first alone is kept.
  let dropsDuplicates: Bool

  /// The making of a store at `store` from the chunks of `plan`.
  /// - Parameter dropsDuplicates: of documents with the same tokens keep the first alone, in the order of the store; else they
  ///   are only counted.
  public init(store: URL, plan: TokenizationPlan, tokenizer: Tokenizer, dropsDuplicates: Bool = false) throws {
    // Without a last slash, which would put the working folder inside the store.
    self.store = store.standardizedFileURL.deletingLastPathComponent().appendingPathComponent(store.lastPathComponent)
    workFolder = self.store.appendingPathExtension("partial")
    self.plan = plan
    self.tokenizer = tokenizer
    fingerprint = try plan.fingerprint(with: tokenizer)
    width = TokenWidth(vocabularySize: tokenizer.vocabularySize)
    self.dropsDuplicates = dropsDuplicates
  }

  /// Makes an empty working folder. Rank zero's task; what an interrupted run left there goes.
  public func prepare() throws {
    let files = FileManager.default
    guard !files.fileExists(atPath: store.path) else { throw CorpusError.storeExists(path: store.path) }
    if files.fileExists(atPath: workFolder.path) { try files.removeItem(at: workFolder) }
    try createFolders(workFolder.path)
  }

  /// The writer of a rank's part, for a caller who encodes the chunks itself.
  public func partWriter(of rank: Int) throws -> TokenPartWriter {
    try TokenPartWriter(folder: workFolder, rank: rank, planFingerprint: fingerprint, width: width)
  }

  /// Encodes and writes the chunks of one rank; `progress` hears how many bytes of text are done, after each chunk.
  public func encodePart(of rank: Int, rankCount: Int, progress: (_ bytesDone: Int) -> Void = { _ in }) throws {
    let writer = try partWriter(of: rank)
    let encoder = ChunkTokenizer(plan: plan, tokenizer: tokenizer)
    var bytesDone = 0
    for chunk in plan.chunks(of: rank, rankCount: rankCount) {
      try writer.append(encoder.encode(chunk: chunk))
      bytesDone += chunk.byteCount
      progress(bytesDone)
    }
    try writer.finish()
  }

  /// Joins the parts of all ranks into the store and gives it its name. Rank zero's task, when every part is finished.
  public func joinParts(rankCount: Int) throws -> TokenStoreManifest {
    let parts = try (0..<rankCount).map { try Part(folder: workFolder, rank: $0, plan: fingerprint, width: width) }
    // The chunks point into the parts' mappings, which must outlive the join.
    defer { withExtendedLifetime(parts) {} }
    let chunks = try inOrder(parts)
    let tokenFile = workFolder.appendingPathComponent(TokenStoreManifest.tokenFileName)
    let manifest = manifest(of: try join(chunks, into: tokenFile))
    guard manifest.documentCount > 0 else { throw CorpusError.emptyCorpus(files: plan.sources.map(\.path)) }
    try replaceFile(at: workFolder.appendingPathComponent(TokenStoreManifest.fileName), with: [UInt8](manifest.json()))
    for rank in 0..<rankCount {
      for file in PartFiles(folder: workFolder, rank: rank).all { unlink(file.path) }
    }
    try synchronizeFolder(workFolder.path)
    guard !FileManager.default.fileExists(atPath: store.path) else { throw CorpusError.storeExists(path: store.path) }
    try move(workFolder.path, to: store.path)
    try synchronizeFolder(store.deletingLastPathComponent().path)
    return manifest
  }

  /// Removes the work in progress, after a failure.
  public func discard() {
    try? FileManager.default.removeItem(at: workFolder)
  }
}

// MARK: - Joining

extension TokenStoreBuild {
  /// A finished part.
  private struct Part {
    let tokens: MappedFile
    let documents: MappedFile
    let chunks: [PlacedChunk]

    init(folder: URL, rank: Int, plan: String, width: TokenWidth) throws {
      let files = PartFiles(folder: folder, rank: rank)
      func bad(_ problem: String) -> CorpusError { .badPart(path: files.index.path, problem: problem) }
      guard let data = try? Data(contentsOf: files.index) else {
        throw bad("the part of rank \(rank) was not finished")
      }
      guard let index = try? JSONDecoder().decode(PartIndex.self, from: data) else {
        throw bad("not the index of a part")
      }
      guard index.planFingerprint == plan else { throw bad("a part of other files or of another tokenizer") }
      tokens = try MappedFile(files.tokens)
      documents = try MappedFile(files.documents)
      var placed: [PlacedChunk] = []
      var (at, document) = (0, 0)
      for entry in index.chunks {
        let (byteCount, overflow) = entry.tokenCount.multipliedReportingOverflow(by: width.byteCount)
        guard !overflow, byteCount >= 0, byteCount <= tokens.bytes.count - at else {
          throw bad("its token file is too short")
        }
        let (recordBytes, overflown) = entry.documentCount.multipliedReportingOverflow(by: DocumentRecord.byteCount)
        guard !overflown, recordBytes >= 0, recordBytes <= documents.bytes.count - document else {
          throw bad("its file of documents is too short")
        }
        placed.append(
          PlacedChunk(
            entry: entry, bytes: UnsafeRawBufferPointer(rebasing: tokens.bytes[at..<at + byteCount]),
            records: UnsafeRawBufferPointer(rebasing: documents.bytes[document..<document + recordBytes])))
        at += byteCount
        document += recordBytes
      }
      guard at == tokens.bytes.count else { throw bad("its token file is too long") }
      guard document == documents.bytes.count else { throw bad("its file of documents is too long") }
      chunks = placed
    }
  }

  /// The chunks of all parts in the plan's order, each there once.
  private func inOrder(_ parts: [Part]) throws -> [PlacedChunk] {
    let chunks = parts.flatMap(\.chunks).sorted { $0.entry.index < $1.entry.index }
    guard chunks.map(\.entry.index) == Array(plan.chunks.indices) else {
      throw CorpusError.badPart(
        path: workFolder.path, problem: "\(chunks.count) chunks encoded of \(plan.chunks.count) planned, or one twice")
    }
    return chunks
  }

  private func manifest(of joined: Joined) -> TokenStoreManifest {
    TokenStoreManifest(
      formatVersion: TokenStoreManifest.currentFormatVersion, tokenizerFingerprint: tokenizer.fingerprint,
      vocabularySize: tokenizer.vocabularySize, bytesPerToken: width.byteCount, tokenCount: joined.tokenCount,
      documentCount: joined.documentCount, replacementCount: joined.replacementCount,
      duplicateCount: joined.duplicateCount, dropsDuplicates: dropsDuplicates, sources: plan.sources,
      sha256: joined.sha256)
  }
}
