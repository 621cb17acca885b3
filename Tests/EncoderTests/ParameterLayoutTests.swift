import Encoder
import Quantization
import TestSupport
import XCTest

final class ParameterLayoutTests: XCTestCase {
  private func layouts() throws -> [(String, ParameterLayout)] {
    try Small.schemes.flatMap { scheme in
      try [Small.maskedLanguageModel, .maskedLanguageModel(tied: false), Small.labels, .none].map { head in
        (
          "\(scheme) \(head)",
          ParameterLayout(dimensions: Small.dimensions, scheme: try Small.scheme(scheme), head: head)
        )
      }
    }
  }

  func testParametersFollowEachOtherOnMultiplesOfSixteen() throws {
    for (what, layout) in try layouts() {
      var end = 0
      for parameter in layout.parameters {
        XCTAssertEqual(parameter.start, end, "\(what) \(parameter.name)")
        XCTAssertEqual(parameter.start % 16, 0)
        XCTAssertEqual(parameter.count, parameter.shape.reduce(1, *))
        end = (parameter.start + parameter.count + 15) / 16 * 16
      }
      XCTAssertEqual(layout.elementCount, end, what)
    }
  }

  /// Also of matrices of more than one segment (the tables' rows are as wide as the hidden size).
  func testSegmentsAreWholeRowsAndCoverEveryParameterOnce() throws {
    let large = ParameterLayout(
      dimensions: EncoderDimensions(
        vocabularySize: 2000, hiddenSize: 48, layerCount: 1, headCount: 2, intermediateSize: 700, positionCount: 12),
      scheme: try Scheme(parsing: "LSQ_E4W4A4"), head: .maskedLanguageModel(tied: false))
    XCTAssertGreaterThan(large.segments.count, large.parameters.count)
    for (what, layout) in try layouts() + [("large", large)] {
      var segments = layout.segments[...]
      for parameter in layout.parameters {
        let mine = segments.prefix { $0.parameter.name == parameter.name }
        segments = segments.dropFirst(mine.count)
        XCTAssertEqual(mine.first?.range.lowerBound, parameter.start, what)
        XCTAssertEqual(mine.last?.range.upperBound, parameter.range.upperBound, what)
        for (a, b) in zip(mine, mine.dropFirst()) { XCTAssertEqual(a.range.upperBound, b.range.lowerBound, what) }
        let width = parameter.shape.count > 1 ? parameter.shape[1] : 1
        for segment in mine { XCTAssertEqual(segment.range.count % width, 0, "\(what) \(parameter.name)") }
      }
      XCTAssertTrue(segments.isEmpty, what)
    }
  }

  func testShardsTileTheBucketsAndDivideNoSegment() throws {
    for (what, layout) in try layouts() {
      XCTAssertEqual(layout.buckets.reduce(0) { $0 + $1.range.count }, layout.elementCount, what)
      for count in [1, 2, 3, 8, 64] {
        let shards = layout.shards(count: count)
        for (bucket, parts) in zip(layout.buckets.map(\.range), shards) {
          XCTAssertEqual(parts.count, count)
          XCTAssertEqual(parts[0].lowerBound, bucket.lowerBound)
          for (a, b) in zip(parts, parts.dropFirst()) { XCTAssertEqual(a.upperBound, b.lowerBound) }
          XCTAssertEqual(parts[count - 1].upperBound, bucket.upperBound)
        }
        let cuts = Set(shards.joined().map(\.lowerBound))
        for offset in layout.parameters where offset.kind == .offset {
          XCTAssertFalse(cuts.contains(offset.start), "\(what): an offset parted from its step")
        }
        for segment in layout.segments {
          XCTAssertFalse(segment.range.dropFirst().contains(where: cuts.contains), "\(what): a segment of two ranks")
        }
      }
    }
  }

  func testPartsTileTheBlock() throws {
    for (what, layout) in try layouts() {
      let parts = [layout.embeddingRange] + layout.layerRanges + [layout.headRange]
      XCTAssertEqual(parts.first?.lowerBound, 0)
      for (a, b) in zip(parts, parts.dropFirst()) { XCTAssertEqual(a.upperBound, b.lowerBound, what) }
      XCTAssertEqual(parts.last?.upperBound, layout.elementCount)
      for parameter in layout.parameters {
        XCTAssertEqual(
          parts.filter { $0.contains(parameter.start) && $0.upperBound >= parameter.range.upperBound }.count, 1)
      }
    }
  }

  func testNamesAreUniqueAndFound() throws {
    for (_, layout) in try layouts() {
      XCTAssertEqual(Set(layout.parameters.map(\.name)).count, layout.parameters.count)
      for parameter in layout.parameters {
        XCTAssertEqual(layout[parameter.name]?.start, parameter.start)
        for offset in [parameter.start, parameter.range.upperBound - 1] {
          XCTAssertEqual(layout.parameter(at: offset)?.name, parameter.name)
        }
      }
      XCTAssertNil(layout["no such parameter"])
    }
  }

  func testOnlyMatricesAndTablesDecay() throws {
    for (_, layout) in try layouts() {
      for parameter in layout.parameters {
        let isNorm = parameter.name.contains("LayerNorm") || parameter.name.contains("layer_norm")
        XCTAssertEqual(parameter.decays, parameter.name.hasSuffix(".weight") && !isNorm, parameter.name)
      }
    }
  }

  /// 3 tables, 6 matrices and 4 inputs a layer, each with a step, and with an offset where the rule has one.
  func testQuantizersHaveTheirParameters() throws {
    for (scheme, steps, offsets) in [
      ("fp32", 0, 0), ("LSQ_E4W4A4", 3 + 2 * 10, 0), ("LSQplus_E2W2A2", 3 + 2 * 10, 2 * 4), ("BitNet_E6W1.58A6", 3, 0),
    ] {
      let layout = ParameterLayout(
        dimensions: Small.dimensions, scheme: try Small.scheme(scheme), head: Small.labels)
      XCTAssertEqual(layout.parameters.filter { $0.kind == .stepSize }.count, steps)
      XCTAssertEqual(layout.parameters.filter { $0.kind == .offset }.count, offsets)
    }
  }

  func testRowsHaveStepsOfTheirOwn() throws {
    let d = Small.dimensions
    var scheme = try Small.scheme("LSQ_E4W4A4 weights.granularity=row embeddings.granularity=row")
    (scheme.quantizesHead, scheme.learnsSteps) = (true, false)
    let layout = ParameterLayout(dimensions: d, scheme: scheme, head: Small.maskedLanguageModel)
    for (name, rows) in [
      ("roberta.embeddings.word_embeddings", d.vocabularySize),
      ("roberta.embeddings.token_type_embeddings", d.typeCount),
      ("roberta.encoder.layer.1.attention.self.key", d.hiddenSize),
      ("roberta.encoder.layer.0.intermediate.dense", d.intermediateSize),
      ("roberta.encoder.layer.0.output.dense", d.hiddenSize), ("lm_head.dense", d.hiddenSize),
      ("lm_head.decoder", d.vocabularySize),
    ] {
      let step = layout.required(name + ".weight_quantizer.step")
      XCTAssertEqual(step.shape, [rows], name)
      XCTAssertEqual(step.place(ofRow: rows - 1), step.range.upperBound - 1)
    }
    XCTAssertEqual(layout.required("roberta.encoder.layer.0.output.dense.input_quantizer.step").shape, [])
    XCTAssertEqual(
      layout.required("roberta.encoder.layer.0.output.dense.input_quantizer.step").place(ofRow: 0),
      layout.required("roberta.encoder.layer.0.output.dense.input_quantizer.step").start)
  }
}
