import Base
import Compute
import Encoder
import Foundation
import Quantization

/// The encoder of docs/numerics.md written out plainly, in double precision, one sequence after another: the oracle of
/// the fast one.
///
/// It runs on dual numbers, so that it gives the loss and the loss's derivative along one direction of the parameters. Rounding
/// is straight through and clipping stops the derivative, as in `qat_reference.py`. Dropout draws at the same counters.
struct PlainEncoder {
  typealias Row = [Dual]
  let dimensions: EncoderDimensions
  let scheme: Scheme
  let head: Head
  let dropout: SliceDropout
  var parameters: [String: Row] = [:]

  /// A copy of the model, whose parameters move along `direction` (one number an element of the block).
  init(_ model: EncoderModel, direction: [Double]) {
    (dimensions, scheme, head, dropout) = (model.dimensions, model.scheme, model.head, model.dropout)
    for parameter in model.layout.parameters {
      parameters[parameter.name] = parameter.range.map { Dual(Double(model.parameters[$0]), direction[$0]) }
    }
  }

  /// Σ cross-entropy over the labelled tokens, divided by their count.
  func meanLoss(_ slice: SliceInput) -> Dual {
    var sum = Dual(0)
    var start = 0
    for (number, length) in zip(slice.sequenceNumbers, slice.lengths) {
      let states = encode(Array(slice.ids[start..<start + length]), number)
      for i in 0..<length where slice.labels[start + i] != TokenLabel.ignored {
        let logits = logits(states[i], place: i, number)
        sum += crossEntropy(logits, Int(slice.labels[start + i]))
      }
      start += length
    }
    return sum * (1 / Double(slice.labelledTokenCount))
  }

  private func crossEntropy(_ logits: Row, _ label: Int) -> Dual {
    let top = logits.map(\.value).max()!
    let sum = logits.reduce(Dual(0)) { $0 + ($1 - Dual(top)).exponential }
    return sum.logarithm + Dual(top) - logits[label]
  }

  // MARK: - Encoder

  private func encode(_ ids: [Int32], _ number: UInt32) -> [Row] {
    let r = "roberta.embeddings."
    let (words, positions) = (table(r + "word_embeddings"), table(r + "position_embeddings"))
    let types = table(r + "token_type_embeddings")
    let h = dimensions.hiddenSize
    var x = ids.indices.map { i in
      (0..<h).map { j in
        words[Int(ids[i]) * h + j] + positions[(dimensions.padTokenID + 1 + i) * h + j] + types[j]
      }
    }
    x = dropHidden(x.map { normalise($0, r + "LayerNorm") }, number, site: 0)
    for layer in 0..<dimensions.layerCount { x = encode(layer: layer, x, number) }
    return x
  }

  private func encode(layer: Int, _ x: [Row], _ number: UInt32) -> [Row] {
    let l = "roberta.encoder.layer.\(layer)."
    let site = UInt32(3 * layer)
    let input = quantize(x, l + "attention.self", for: ["query", "key", "value"].map { l + "attention.self." + $0 })
    let context = attend(
      linear(input, l + "attention.self.query"), linear(input, l + "attention.self.key"),
      linear(input, l + "attention.self.value"), number, site: site + 1)
    let attended = linear(quantize(context, l + "attention.output.dense"), l + "attention.output.dense")
    let middle = add(dropHidden(attended, number, site: site + 2), x).map {
      normalise($0, l + "attention.output.LayerNorm")
    }
    let wide = linear(quantize(middle, l + "intermediate.dense"), l + "intermediate.dense").map { $0.map(\.gelu) }
    let narrow = linear(quantize(wide, l + "output.dense"), l + "output.dense")
    return add(dropHidden(narrow, number, site: site + 3), middle).map { normalise($0, l + "output.LayerNorm") }
  }

  private func attend(_ q: [Row], _ k: [Row], _ v: [Row], _ number: UInt32, site: UInt32) -> [Row] {
    let (n, size) = (q.count, dimensions.headSize)
    var context = [Row](repeating: Row(repeating: Dual(0), count: dimensions.hiddenSize), count: n)
    for head in 0..<dimensions.headCount {
      let columns = head * size..<(head + 1) * size
      for i in 0..<n {
        let scores = (0..<n).map { j in
          columns.reduce(Dual(0)) { $0 + q[i][$1] * k[j][$1] } * (1 / Double(size).squareRoot())
        }
        let top = scores.map(\.value).max()!
        let powers = scores.map { ($0 - Dual(top)).exponential }
        let sum = powers.reduce(Dual(0), +)
        let row = UInt32(head) << 16 | UInt32(i)
        let kept = keptScales(dropout.attention, n, row: row, number, site: site)
        for j in 0..<n {
          let probability = powers[j] / sum * kept[j]
          for c in columns { context[i][c] += probability * v[j][c] }
        }
      }
    }
    return context
  }

  private func add(_ a: [Row], _ b: [Row]) -> [Row] { zip(a, b).map { zip($0, $1).map { $0 + $1 } } }

  /// Whether a linear or table is left in float32; patterns by the C library's own matcher.
  private func isOut(_ name: String) -> Bool {
    scheme.exclude.contains { word in
      switch word {
      case "first": name.hasPrefix("roberta.encoder.layer.0.")
      case "last": name.hasPrefix("roberta.encoder.layer.\(dimensions.layerCount - 1).")
      default: fnmatch(word, name, 0) == 0 || fnmatch("roberta." + word, name, 0) == 0
      }
    }
  }

  private func linear(_ x: [Row], _ name: String) -> [Row] {
    multiply(x, weight(name), parameters[name + ".bias"]!)
  }

  /// x·Wᵀ + b.
  private func multiply(_ x: [Row], _ w: Row, _ b: Row) -> [Row] {
    let inputs = x[0].count
    return x.map { row in
      b.indices.map { o in
        var sum = b[o]
        for i in 0..<inputs { sum += row[i] * w[o * inputs + i] }
        return sum
      }
    }
  }

  private func normalise(_ x: Row, _ name: String) -> Row {
    let share = 1 / Double(x.count)
    let mean = x.reduce(Dual(0), +) * share
    let centred = x.map { $0 - mean }
    let variance = centred.reduce(Dual(0)) { $0 + $1 * $1 } * share
    let deviation = (variance + Dual(Double(dimensions.layerNormEpsilon))).squareRoot
    let (weight, bias) = (parameters[name + ".weight"]!, parameters[name + ".bias"]!)
    return x.indices.map { centred[$0] / deviation * weight[$0] + bias[$0] }
  }

  // MARK: - Heads

  private func logits(_ state: Row, place: Int, _ number: UInt32) -> Row {
    switch head {
    case .maskedLanguageModel(let tied):
      let output = tied ? "roberta.embeddings.word_embeddings.weight" : "lm_head.decoder.weight"
      let dense = multiply(
        [state], headWeight("lm_head.dense.weight", scheme.languageHead), parameters["lm_head.dense.bias"]!)[0]
      let features = normalise(dense.map(\.gelu), "lm_head.layer_norm")
      return multiply([features], headWeight(output, scheme.languageHead), parameters["lm_head.bias"]!)[0]
    case .tokenClassification, .none:
      let kept = keptScales(dropout.classifier, state.count, row: UInt32(place), number, site: 0xFFFF)
      let features = zip(state, kept).map { $0 * $1 }
      let weight = headWeight("classifier.weight", scheme.classifier)
      return multiply([features], weight, parameters["classifier.bias"]!)[0]
    }
  }

  /// A head's matrix; quantized straight through where the scheme has a rule for it.
  private func headWeight(_ name: String, _ rule: QuantizerRule) -> Row {
    let w = parameters[name]!
    guard rule.isOn else { return w }
    let (n, p) = (Double(rule.n), Double(rule.p))
    let half = rule.grid == .symmetric ? 0.5 : 0
    func onGrid(_ w: Row, row: Int = 0) -> Row {
      let mean = w.reduce(0) { $0 + abs($1.value) } / Double(w.count)
      let measured = rule.hasStep ? max(2 * mean / (p + half).squareRoot(), 1e-8) : max(mean, 1e-5)
      // Steps that are not learned stand beside the weights; the decoder of a tied head has its own.
      let own = name.contains("embeddings") ? "lm_head.decoder.weight" : name
      let step = parameters[own + "_quantizer.step"]?[row].value ?? measured
      return w.map {
        Dual((min(max($0.value / step - half, n), p).rounded(.toNearestOrEven) + half) * step, $0.slope)
      }
    }
    guard rule.isPerRow else { return onGrid(w) }
    let width = dimensions.hiddenSize
    return stride(from: 0, to: w.count, by: width).flatMap { onGrid(Row(w[$0..<$0 + width]), row: $0 / width) }
  }

  // MARK: - Dropout

  private func keptScales(
    _ draws: DropoutDraws, _ count: Int, row: UInt32, _ number: UInt32, site: UInt32
  ) -> [Double] {
    guard !draws.isOff else { return [Double](repeating: 1, count: count) }
    var drawn = [UInt16](repeating: 0, count: DropoutDraws.room(count))
    draws.fill(&drawn, count: count, row: row, sequence: number, site: site)
    return (0..<count).map { drawn[$0] < draws.threshold ? 0 : 65_536 / (65_536 - Double(draws.threshold)) }
  }

  private func dropHidden(_ x: [Row], _ number: UInt32, site: UInt32) -> [Row] {
    x.enumerated().map { place, row in
      zip(row, keptScales(dropout.hidden, row.count, row: UInt32(place), number, site: site)).map { $0 * $1 }
    }
  }

  // MARK: - Quantizers

  private func table(_ name: String) -> Row {
    let w = parameters[name + ".weight"]!
    guard scheme.embeddings.isOn, !isOut(name) else { return w }
    return learned(w, scheme.embeddings, name + ".weight_quantizer", features: w.count)
  }

  private func weight(_ name: String) -> Row {
    let w = parameters[name + ".weight"]!
    if isOut(name) { return w }
    switch scheme.weights {
    case .none: return w
    case .lsq: return learned(w, scheme.weights, name + ".weight_quantizer", features: w.count)
    case .absoluteMean, .absoluteMaximum:
      let outputs = parameters[name + ".bias"]!.count
      let inputs = w.count / outputs
      func mean(_ range: Range<Int>) -> Double {
        max(range.reduce(0) { $0 + abs(w[$1].value) } / Double(range.count), 1e-5)
      }
      let whole = mean(0..<w.count)
      return w.indices.map { i in
        let row = i / inputs * inputs
        let gamma = scheme.weights.isPerRow ? mean(row..<row + inputs) : whole
        return Dual(min(max(w[i].value / gamma, -1), 1).rounded(.toNearestOrEven) * gamma, w[i].slope)
      }
    }
  }

  /// - Parameter linears: what reads the site; the one of its name unless given. One that is quantized keeps the site on.
  private func quantize(_ x: [Row], _ site: String, for linears: [String]? = nil) -> [Row] {
    if (linears ?? [site]).allSatisfy(isOut) { return x }
    switch scheme.activations {
    case .none, .absoluteMean: return x
    case .lsq: return x.map { learned($0, scheme.activations, site + ".input_quantizer", features: $0.count) }
    case .absoluteMaximum:
      let p = Double(scheme.activations.p)
      return x.map { row in
        let scale = p / max(row.map { abs($0.value) }.max()!, 1e-5)
        return row.map { Dual(min(max(($0.value * scale).rounded(.toNearestOrEven), -p), p) / scale, $0.slope) }
      }
    }
  }

  /// LSQ and LSQ+: (clip((x − b)/s) + frozen rounding)·s + b; the derivative of s and b is scaled by g = 1/√(N·p). With levels at
  /// halves x/s − ½ stands for x/s, with an offset of whole steps z is round(−b/s), whose derivative is b's alone.
  private func learned(_ x: Row, _ rule: QuantizerRule, _ name: String, features: Int) -> Row {
    let (n, p) = (Double(rule.n), Double(rule.p))
    let steps = parameters[name + ".step"]!
    let width = rule.isPerRow ? x.count / steps.count : x.count
    let g = scheme.learnsSteps ? 1 / (Double(rule.isPerRow ? width : features) * p).squareRoot() : 0
    let offset = parameters[name + ".offset"]?[0] ?? Dual(0)
    let b = Dual(offset.value, offset.slope * g)
    return x.indices.map { i in
      let (x, step) = (x[i], steps[i / width])
      let s = Dual(step.value, step.slope * g)
      var (base, shift) = (b, Dual(rule.grid == .symmetric ? -0.5 : 0))
      if rule.offset == .integer {
        base = Dual(0)
        shift = Dual((-b.value / s.value).rounded(.toNearestOrEven), -b.slope / s.value)
      }
      let v = (x - base) / s + shift
      let inside = v.value >= n && v.value <= p
      let clipped = inside ? v : Dual(min(max(v.value, n), p), scheme.clipsGradient ? 0 : x.slope / s.value)
      return (Dual(clipped.value.rounded(.toNearestOrEven), clipped.slope) - shift) * s + base
    }
  }
}
