import Base
import Crypto
import Foundation

extension HuggingFaceFolder {
  /// SHA-256 of what a model starts from, in hexadecimal: the bytes of `config.json` and of every file of weights and steps.
  public func fingerprint() throws -> String {
    var names = ["config.json", weightsFileName]
    let weightsFile = url.appendingPathComponent(weightsFileName)
    let quantizers = url.appendingPathComponent(HuggingFaceFolder.quantizersFileName)
    if PathKind(quantizers.path) == .file { names.append(quantizers.lastPathComponent) }
    if weightsFileName.hasSuffix(".index.json") { names += try ShardedSafetensors(index: weightsFile).shardNames }
    var hash = SHA256()
    for name in names {
      let digest = try FileDigest(readingFileAt: url.appendingPathComponent(name))
      hash.update(data: Data("\(name) \(digest.byteCount) \(digest.sha256)\n".utf8))
    }
    return hash.finalize().hexadecimal
  }

  /// SHA-256 of the file at `url`, in hexadecimal.
  public static func fingerprint(ofFileAt url: URL) throws -> String { try FileDigest(readingFileAt: url).sha256 }
}
