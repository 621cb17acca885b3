import Base
import Checkpoints
import Configuration
import Corpus
import Foundation
import Models
import Quantization

/// What libFuzzer calls with each input: the parser that `PALIER_PARSER` names must read it or refuse it with its room's error.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  parser(UnsafeRawBufferPointer(start: start, count: count))
  return 0
}

private typealias Parser = @Sendable (UnsafeRawBufferPointer) -> Void

private let parsers: [String: Parser] = [
  "sentencepiece": { bytes in
    allowing(CorpusError.self) {
      let tokenizer = try Tokenizer(model: Data(bytes), file: URL(fileURLWithPath: "fuzz.model"))
      _ = try tokenizer.encode("le patient ½ 😀 <mask>")
    }
  },
  "safetensors": { bytes in
    allowing(CheckpointError.self) { try readAll(SafetensorsFile(MappedFile(copying: bytes, path: "fuzz"))) }
  },
  "torch": { bytes in
    allowing(CheckpointError.self) { try readAll(PyTorchFile(MappedFile(copying: bytes, path: "fuzz"))) }
  },
  "packed": { bytes in
    allowing({ $0 is ModelError || $0 is CheckpointError || $0 is FileError || $0 is QuantizationError }) {
      try PackedInput.write(bytes)
      _ = try CheckpointModel(PackedInput.folder, trains: false)
    }
  },
  "conllu": { bytes in
    allowing(TaggedCorpusError.self) { _ = try TaggedParsing.sentences(Array(bytes), format: .conllu) }
  },
  "jsonl": { bytes in
    allowing(TaggedCorpusError.self) { _ = try TaggedParsing.sentences(Array(bytes), format: .jsonl) }
  },
  "yaml": { bytes in
    allowing(ConfigurationError.self) {
      _ = try RunConfiguration.parse(
        String(decoding: bytes, as: UTF8.self), name: "fuzz.yaml", folder: URL(fileURLWithPath: "/no/such/folder"),
        overrides: [])
    }
  },
]

private let parser: Parser = {
  let name = ProcessInfo.processInfo.environment["PALIER_PARSER"] ?? ""
  guard let parser = parsers[name] else { fatalError("PALIER_PARSER is one of \(parsers.keys.sorted())") }
  return parser
}()

/// An error of another type is a crash, which libFuzzer keeps with its input.
private func allowing<Refusal: Error>(_ refusal: Refusal.Type, _ body: () throws -> Void) {
  allowing({ $0 is Refusal }, body)
}

private func allowing(_ isRefusal: (any Error) -> Bool, _ body: () throws -> Void) {
  do { try body() } catch { precondition(isRefusal(error), "\(error) is no refusal") }
}

/// A packed folder in one input, as `Tests/LibFuzzer/packed_input` writes it: the length of `config.json` in four bytes,
/// little-endian, the file, and `model.safetensors`. Read as a folder, in this process' own place.
private enum PackedInput {
  static let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("palier-fuzz-\(getpid())")

  static func write(_ bytes: UnsafeRawBufferPointer) throws {
    let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    let rest = bytes.dropFirst(4)
    let config = rest.prefix(length)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(config).write(to: folder.appendingPathComponent("config.json"))
    try Data(rest.dropFirst(config.count)).write(to: folder.appendingPathComponent("model.safetensors"))
  }
}

private func readAll(_ source: some TensorSource) throws {
  for name in source.tensors.keys { _ = try source.floats(name) }
}
