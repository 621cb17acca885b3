import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

final class HuggingFaceFolderTests: XCTestCase {
  private let small = """
    {"model_type": "camembert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
     "intermediate_size": 16,
     "vocab_size": 20, "max_position_embeddings": 12
    """

  private func config(_ more: String = "") throws -> HuggingFaceConfig {
    let text = Array((small + more + "}").utf8)
    return try HuggingFaceConfig(try JSONFields(reading: .of(text, path: "config.json")), file: "config.json")
  }

  func testReadsTheFolderOfEitherFormat() throws {
    for (name, file) in [("tiny-camembert", "model.safetensors"), ("tiny-camembert-bin", "pytorch_model.bin")] {
      let folder = try HuggingFaceFolder(SharedFolder.url("models/" + name))
      XCTAssertEqual(folder.weightsFileName, file)
      XCTAssertEqual(folder.encoderPrefix, "roberta.")
      XCTAssertEqual(folder.config.hiddenSize, 256)
      XCTAssertEqual(folder.config.layerCount, 4)
      XCTAssertEqual(folder.config.headCount, 4)
      XCTAssertEqual(folder.config.intermediateSize, 1024)
      XCTAssertEqual(folder.config.vocabularySize, 8005)
      XCTAssertEqual(folder.config.longestSequence, 512)
      XCTAssertEqual(folder.config.tokenTypeCount, 1)
      XCTAssertEqual(folder.config.layerNormEpsilon, 1e-5)
      XCTAssertEqual(folder.config.beginTokenID, 5)
      XCTAssertEqual(folder.config.architectures, ["CamembertForMaskedLM"])
      XCTAssertNil(folder.config.classifierDropout)
      XCTAssertNil(folder.config.labels)
      XCTAssertEqual(try folder.weights.floats("roberta.encoder.layer.3.output.LayerNorm.bias").count, 256)
    }
  }

  func testWritesAConfigurationBackAsItWas() throws {
    let url = try SharedFolder.url("models/tiny-camembert/config.json")
    let config = try HuggingFaceConfig(readingFileAt: url)
    XCTAssertEqual(Data(try config.updatedFields.text(for: "config.json")), try Data(contentsOf: url))
  }

  func testKeepsUnknownKeysAndUpdatesItsOwn() throws {
    var config = try config(#", "adapters": {"kept": [1, 2.5]}, "torch_dtype": "float16", "num_labels": 9"#)
    config.labels = ["O", "B-DISO"]
    config.architectures = ["CamembertForTokenClassification"]
    let fields = config.updatedFields
    XCTAssertEqual(fields["adapters"], ["kept": [1, 2.5]])
    XCTAssertEqual(fields["torch_dtype"], "float32")
    XCTAssertEqual(fields["num_labels"], 2)
    XCTAssertEqual(fields["id2label"], ["0": "O", "1": "B-DISO"])
    XCTAssertEqual(fields["label2id"], ["O": 0, "B-DISO": 1])
    XCTAssertEqual(try HuggingFaceConfig(fields, file: "again").labels, ["O", "B-DISO"])
    config.labels = nil
    XCTAssertNil(config.updatedFields["id2label"])
  }

  func testTakesTheDefaultsOfTransformers() throws {
    let config = try config()
    XCTAssertEqual(config.layerNormEpsilon, 1e-12)
    XCTAssertEqual(config.tokenTypeCount, 2)
    XCTAssertEqual([config.padTokenID, config.beginTokenID, config.endTokenID], [1, 0, 2])
    XCTAssertEqual(config.hiddenDropout, 0.1)
    XCTAssertTrue(config.tiesWordEmbeddings)
  }

  func testRefusesValuesThatCannotWork() throws {
    let wrong = [
      ("hidden_act", #""gelu_new""#), ("hidden_act", #""relu""#), ("layer_norm_eps", "0"), ("layer_norm_eps", #""x""#),
      ("hidden_dropout_prob", "1.0"), ("hidden_dropout_prob", "-0.1"), ("classifier_dropout", "2"),
      ("pad_token_id", "20"),
      ("pad_token_id", "-1"), ("pad_token_id", "null"), ("is_decoder", "true"), ("add_cross_attention", "true"),
      ("position_embedding_type", #""relative_key""#), ("tie_word_embeddings", "1"), ("type_vocab_size", "0"),
      ("architectures", #""x""#), ("id2label", #"{"1": "O"}"#), ("id2label", #"{"0": "O", "1": "O"}"#),
      ("id2label", "{}"),
      ("id2label", #"{"0": 1}"#), ("id2label", "[]"),
    ]
    for (key, value) in wrong {
      assertRefused(try config(", \"\(key)\": \(value)")) {
        if case .configurationValue("config.json", key, _, _) = $0 { true } else { false }
      }
    }
    assertRefused(try config(#", "id2label": {"0": "O"}, "label2id": {"O": 1}"#)) {
      if case .configurationValue(_, "label2id", _, _) = $0 { true } else { false }
    }
    assertThrows(
      .configurationValue(
        file: "config.json", key: "max_position_embeddings", expected: "at least pad_token_id + 2 (14)", found: "12"),
      try config(#", "pad_token_id": 12"#))
  }

  func testRefusesDimensionsThatCannotWork() {
    func edited(_ key: String, _ value: String?) throws -> HuggingFaceConfig {
      var fields = try JSONFields(reading: .of(Array((small + "}").utf8), path: "config.json"))
      fields[key] = try value.map { text in try Array(text.utf8).withUnsafeBytes { try JSONReader.node(in: $0) } }
      return try HuggingFaceConfig(fields, file: "config.json")
    }
    for key in [
      "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
      "max_position_embeddings",
    ] {
      assertThrows(.configurationKeyMissing(file: "config.json", key: key), try edited(key, nil))
      for value in ["0", "-4", "1.5", "\"8\"", "null", "9223372036854775807", "1e99"] {
        assertRefused(try edited(key, value)) { if case .configurationValue(_, key, _, _) = $0 { true } else { false } }
      }
    }
    assertThrows(.configurationKeyMissing(file: "config.json", key: "model_type"), try edited("model_type", nil))
    assertRefused(try edited("model_type", "\"bert\"")) {
      if case .configurationValue(_, "model_type", _, _) = $0 { true } else { false }
    }
    assertThrows(
      .configurationValue(
        file: "config.json", key: "num_attention_heads", expected: "a divisor of hidden_size (8)", found: "3"),
      try edited("num_attention_heads", "3"))
  }

  func testNamesBothWeightFilesWhenNeitherIsThere() throws {
    let folder = try TemporaryFolder()
    try Data((small + "}").utf8).write(to: folder.file("config.json"))
    XCTAssertThrowsError(try HuggingFaceFolder(folder.url)) { error in
      XCTAssertEqual(error as? CheckpointError, .noWeights(folder: folder.url.path))
      XCTAssertTrue("\(error)".contains("model.safetensors") && "\(error)".contains("pytorch_model.bin"))
    }
    assertThrows(.missing(path: folder.file("none").path), try HuggingFaceFolder(folder.file("none")))
    assertThrows(.notAFolder(path: folder.file("config.json").path), try HuggingFaceFolder(folder.file("config.json")))
    try FileManager.default.removeItem(at: folder.file("config.json"))
    assertThrows(.missing(path: folder.file("config.json").path), try HuggingFaceFolder(folder.url))
  }

  func testMapsOtherPrefixesToRoberta() throws {
    let words = "embeddings.word_embeddings.weight"
    for prefix in ["roberta.", "camembert.", ""] {
      let folder = try TemporaryFolder()
      let url = folder.file("model")
      try withTensors([
        (prefix + words, [1], [1]), (prefix + "encoder.layer.0.output.dense.bias", [1], [2]),
        ("lm_head.bias", [1], [3]),
      ]) { tensors in
        try HuggingFaceFolder.write(to: url, config: config(), tensors: tensors, tokenizerFrom: nil)
      }
      let opened = try HuggingFaceFolder(url)
      XCTAssertEqual(opened.encoderPrefix, prefix)
      XCTAssertEqual(
        opened.weights.tensors.keys.sorted(),
        ["lm_head.bias", "roberta." + words, "roberta.encoder.layer.0.output.dense.bias"])
      XCTAssertEqual(try opened.weights.floats("roberta.encoder.layer.0.output.dense.bias"), [2])
      XCTAssertEqual(opened.weights.tensors["roberta." + words]?.name, "roberta." + words)
    }
  }

  func testRefusesFoldersWithoutAnEncoderOrWithTwo() throws {
    let folder = try TemporaryFolder()
    func write(_ names: [String], _ name: String) throws -> URL {
      let url = folder.file(name)
      try withTensors(names.map { ($0, [1], [1]) }) {
        try HuggingFaceFolder.write(to: url, config: config(), tensors: $0, tokenizerFrom: nil)
      }
      return url
    }
    let none = try write(["bert.embeddings.word_embeddings.weight"], "none")
    assertRefused(try HuggingFaceFolder(none)) { if case .noEncoder = $0 { true } else { false } }
    let two = try write(["camembert.embeddings.word_embeddings.weight", "roberta.x", "camembert.x"], "two")
    assertRefused(try HuggingFaceFolder(two)) { if case .collidingNames = $0 { true } else { false } }
  }

  func testCopiesTheTokenizerAndRoundTripsAFolder() throws {
    let source = try SharedFolder.url("models/micro-camembert")
    let original = try HuggingFaceFolder(source)
    let folder = try TemporaryFolder()
    let copy = folder.file("copy")
    let values = try original.weights.tensors.values.map { ($0.name, $0.shape, try original.weights.floats($0.name)) }
    try withTensors(values) {
      try HuggingFaceFolder.write(to: copy, config: original.config, tensors: $0, tokenizerFrom: source)
    }
    let names = [
      "config.json", "model.safetensors", "sentencepiece.bpe.model", "tokenizer.json", "tokenizer_config.json",
    ]
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: copy.path).sorted(), ["checksums.json"] + names)
    for name in names {
      XCTAssertEqual(
        try Data(contentsOf: copy.appendingPathComponent(name)),
        try Data(contentsOf: source.appendingPathComponent(name)), name)
    }
    XCTAssertNoThrow(try AtomicFolder.verify(copy))
  }

  func testReadsAShardedFolder() throws {
    let folder = try TemporaryFolder()
    try Data((small + "}").utf8).write(to: folder.file("config.json"))
    try withTensors([("roberta.embeddings.word_embeddings.weight", [1], [1])]) { tensors in
      let writer = try FileWriter(creating: folder.file("model-00001-of-00001.safetensors"))
      try SafetensorsWriter.write(tensors, to: writer)
      try writer.finish()
    }
    try Data(#"{"weight_map": {"roberta.embeddings.word_embeddings.weight": "model-00001-of-00001.safetensors"}}"#.utf8)
      .write(to: folder.file("model.safetensors.index.json"))
    XCTAssertEqual(try HuggingFaceFolder(folder.url).weightsFileName, "model.safetensors.index.json")
  }
}
