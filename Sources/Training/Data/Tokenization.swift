import Corpus
import Foundation
import Ranks

/// Text to a token store on all ranks: the same bytes for any number of them.
public enum Tokenization {
  /// Tokenizes `files` into `folder`. Collective; the manifest is the leader's, nil elsewhere.
  ///
  /// The leader reads the text once to plan; a rank whose files hold other text than that says so.
  /// - Parameter progress: called on the leader with its own bytes done and the bytes that it has to do.
  public static func run(
    world: World, files: [URL], layout: DocumentLayout, tokenizer: Tokenizer, into folder: URL,
    dropsDuplicates: Bool = false,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws -> TokenStoreManifest? {
    let plan = try world.fromLeader { try TokenizationPlan(files: files, layout: layout) }
    return try run(
      world: world, plan: plan, tokenizer: tokenizer, into: folder, dropsDuplicates: dropsDuplicates, progress: progress
    )
  }

  /// The same from a plan that all ranks have. Collective.
  static func run(
    world: World, plan: TokenizationPlan, tokenizer: Tokenizer, into folder: URL, dropsDuplicates: Bool = false,
    progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) throws -> TokenStoreManifest? {
    let build = try world.agree {
      try TokenStoreBuild(store: folder, plan: plan, tokenizer: tokenizer, dropsDuplicates: dropsDuplicates)
    }
    try requireText(plan, on: world)
    try world.agree { if world.isLeader { try build.prepare() } }
    do {
      let mine = plan.chunks(of: world.rank, rankCount: world.count).reduce(0) { $0 + $1.byteCount }
      try world.agree {
        var done = 0
        try build.encodePart(of: world.rank, rankCount: world.count) { bytes in
          done = bytes
          if world.isLeader { progress(done, mine) }
        }
      }
      return try world.agree { world.isLeader ? try build.joinParts(rankCount: world.count) : nil }
    } catch {
      if world.isLeader { build.discard() }
      throw error
    }
  }

  /// Refuses files that are not UTF-8 text before any work is done; each rank reads its own chunks.
  private static func requireText(_ plan: TokenizationPlan, on world: World) throws {
    let mine = try world.agree { try plan.census(of: world.rank, rankCount: world.count) }
    var sums = mine.flatMap { [Int64($0.characterCount), Int64($0.unreadableCount)] }
    try sums.withUnsafeMutableBufferPointer { try world.sum($0) }
    let all = mine.indices.map { source in
      var census = TextCensus()
      (census.characterCount, census.unreadableCount) = (Int(sums[2 * source]), Int(sums[2 * source + 1]))
      return census
    }
    try world.agree { try plan.requireText(all) }
  }
}
