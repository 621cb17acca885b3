import Encoder
import Quantization
import XCTest

/// Roles and sites against what transformers' modules are called and how wide they are.
final class LinearRoleTests: XCTestCase {
  /// Name, outputs and inputs in units of the hidden size (1) and the intermediate size (4), and the module whose input is
  /// quantized: query, key and value share theirs.
  private let linears: [(name: String, outputs: Int, inputs: Int, site: String)] = [
    ("attention.self.query", 1, 1, "attention.self"), ("attention.self.key", 1, 1, "attention.self"),
    ("attention.self.value", 1, 1, "attention.self"), ("attention.output.dense", 1, 1, "attention.output.dense"),
    ("intermediate.dense", 4, 1, "intermediate.dense"), ("output.dense", 1, 4, "output.dense"),
  ]

  func testRolesAreTransformersLinearsInTheOrderOfTheForwardPass() {
    XCTAssertEqual(LinearRole.allCases.map(\.name), linears.map(\.name))
    XCTAssertEqual(LinearRole.allCases.map(\.rawValue), Array(0..<6))
    for (role, linear) in zip(LinearRole.allCases, linears) {
      XCTAssertEqual(role.outputWidth == .hidden, linear.outputs == 1, linear.name)
      XCTAssertEqual(role.inputWidth == .hidden, linear.inputs == 1, linear.name)
      XCTAssertEqual(role.input.name, linear.site)
    }
  }

  func testEveryLinearReadsTheSiteThatFeedsIt() {
    XCTAssertEqual(ActivationSite.allCases.flatMap(\.linears), LinearRole.allCases)
    for site in ActivationSite.allCases {
      for role in site.linears { XCTAssertEqual(role.input, site) }
    }
  }

  func testMatricesHaveTheWidthsOfTheirRoles() throws {
    let dimensions = EncoderDimensions(
      vocabularySize: 9, hiddenSize: 10, layerCount: 2, headCount: 1, intermediateSize: 40, positionCount: 8)
    let layout = ParameterLayout(
      dimensions: dimensions, scheme: try Scheme(parsing: "LSQ_E8W8A8"), head: .none)
    for layer in 0..<2 {
      for linear in linears {
        let name = "roberta.encoder.layer.\(layer).\(linear.name)"
        XCTAssertEqual(layout[name + ".weight"]?.shape, [10 * linear.outputs, 10 * linear.inputs])
        XCTAssertEqual(layout[name + ".bias"]?.shape, [10 * linear.outputs])
        XCTAssertNotNil(layout["roberta.encoder.layer.\(layer).\(linear.site).input_quantizer.step"])
      }
    }
  }
}
