import ArgumentParser
import Foundation
import Models
import Training

/// Whether checksums are passed over.
struct TrustOption: ParsableArguments {
  @Flag(help: "Use checkpoint and token store without comparing them with their checksums.")
  var trust = false

  /// Compares the checkpoint in `folder` with its checksums, unless it is to be trusted.
  func require(_ folder: URL) throws { if !trust { try CheckpointIntegrity.require(folder) } }
}
