import Base
import Encoder
import Quantization

/// The values of an activation site as a graph has them: unsigned bytes, level + 128, and what a level stands for.
struct ONNXCodes {
  /// What a level stands for: the step of the site, or 1 over each token's scale, a tensor `[B, T, 1]`.
  enum Scale {
    case fixed(Float)
    case perToken(String)
  }

  /// The site's name, `….input_quantizer`.
  let site: String
  /// `[B, T, features]`, uint8.
  let codes: String
  /// The byte that stands for zero.
  let zeroPoint: UInt8
  let scale: Scale
}

extension ONNXBuilder {
  /// The byte of level 0.
  private static let zeroCode = 128

  /// Puts a site's input on its grid; nil where the site is left in float32.
  ///
  /// - LSQ: `QuantizeLinear` (one division, rounded with ties to even, held at 0 … 255), then `Clip` to the levels of
  ///   fewer bits.
  /// - LSQ+ with an offset of whole steps: `Div`, `Clip`, then `Add` of z and `Round`, since the sum is what is
  ///   rounded.
  /// - BitNet: `ReduceMax` of the magnitudes of each token, p over it, `Mul`, `Clip`, `Round`.
  mutating func codes(_ input: String, _ layer: Int, _ site: ActivationSite) throws -> ONNXCodes? {
    let (name, rule) = (ParameterNames.site(layer, site), model.rules.sites[layer][site])
    switch rule {
    case .none: return nil
    case .absoluteMaximum: return perTokenCodes(input, name, rule)
    case .lsq(_, .integer, _, _): return try shiftedCodes(input, name, rule)
    default: return plainCodes(input, name, rule)
    }
  }

  private mutating func plainCodes(_ input: String, _ name: String, _ rule: QuantizerRule) -> ONNXCodes {
    let step = value(name + ".step")
    let zero = ONNXBuilder.zeroCode
    var codes = graph.add(
      "QuantizeLinear",
      [input, graph.scalar(step, as: name + ".step"), zeroPoint(UInt8(zero))], as: name + "/QuantizeLinear")
    if rule.storedBits < 8 {
      let (low, high) = (UInt8(zero + Int(rule.n)), UInt8(zero + Int(rule.p)))
      codes = graph.add(
        "Clip", [codes, graph.scalar(low, as: "code_\(low)"), graph.scalar(high, as: "code_\(high)")],
        as: name + "/Clip")
    }
    return ONNXCodes(site: name, codes: codes, zeroPoint: UInt8(zero), scale: .fixed(step))
  }

  private mutating func shiftedCodes(_ input: String, _ name: String, _ rule: QuantizerRule) throws -> ONNXCodes {
    let step = value(name + ".step")
    let shift = ActivationQuantizer(rule: rule, step: step, offset: value(name + ".offset")).zeroPoint
    guard let zeroPoint = UInt8(exactly: ONNXBuilder.zeroCode + shift) else {
      throw ONNXError.wideZeroPoint(path: path, site: name, zeroPoint: shift)
    }
    let quotient = graph.add("Div", [input, graph.scalar(step, as: name + ".step")], as: name + "/Div")
    let (low, high) = (
      graph.scalar(rule.n - Float(shift), as: name + ".low"), graph.scalar(rule.p - Float(shift), as: name + ".high")
    )
    let clipped = graph.add("Clip", [quotient, low, high], as: name + "/Clip")
    let shifted = graph.add("Add", [clipped, graph.scalar(Float(shift), as: name + ".shift")], as: name + "/Add")
    return ONNXCodes(site: name, codes: bytes(shifted, name), zeroPoint: zeroPoint, scale: .fixed(step))
  }

  private mutating func perTokenCodes(_ input: String, _ name: String, _ rule: QuantizerRule) -> ONNXCodes {
    let magnitudes = graph.add("Abs", [input], as: name + "/Abs")
    let largest = graph.add(
      "ReduceMax", [magnitudes], as: name + "/ReduceMax", .integers("axes", [-1]), .integer("keepdims", 1))
    let held = graph.add("Max", [largest, graph.scalar(Float(1e-5), as: "smallest_maximum")], as: name + "/Max")
    let top = graph.scalar(rule.p, as: "level_\(Int(rule.p))")
    let scale = graph.add("Div", [top, held], as: name + "/Div")
    let scaled = graph.add("Mul", [input, scale], as: name + "/Mul")
    let clipped = graph.add(
      "Clip", [scaled, graph.scalar(rule.n, as: "level_minus_\(Int(rule.p))"), top], as: name + "/Clip")
    return ONNXCodes(
      site: name, codes: bytes(clipped, name), zeroPoint: UInt8(ONNXBuilder.zeroCode), scale: .perToken(scale))
  }

  /// Levels, not yet whole numbers, as bytes.
  private mutating func bytes(_ levels: String, _ name: String) -> String {
    let rounded = graph.add("Round", [levels], as: name + "/Round")
    let zero = graph.scalar(Float(ONNXBuilder.zeroCode), as: "zero_code")
    return cast(graph.add("Add", [rounded, zero], as: name + "/Add_zero_code"), to: .uint8)
  }

  /// A zero point as a tensor.
  mutating func zeroPoint(_ value: UInt8) -> String { graph.scalar(value, as: "code_\(value)") }

  /// What the codes stand for, `[B, T, features]`: for products whose other side is float32.
  mutating func values(_ input: ONNXCodes) -> String {
    let name = input.site + "/values"
    if graph.has(name) { return name }
    let zero = graph.scalar(Float(input.zeroPoint), as: "number_\(input.zeroPoint)")
    let numbers = cast(input.codes, to: .float, as: input.site + "/Cast_values")
    let levels = graph.add("Sub", [numbers, zero], as: input.site + "/Sub")
    switch input.scale {
    case .fixed(let step): return graph.add("Mul", [levels, graph.scalar(step, as: input.site + ".step")], as: name)
    case .perToken(let scale): return graph.add("Div", [levels, scale], as: name)
    }
  }
}
