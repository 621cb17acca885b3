import Base
import Checkpoints
import Configuration
import Corpus
import Foundation

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
  do { try body() } catch { precondition(error is Refusal, "\(error) is no \(refusal)") }
}

private func readAll(_ source: some TensorSource) throws {
  for name in source.tensors.keys { _ = try source.floats(name) }
}
