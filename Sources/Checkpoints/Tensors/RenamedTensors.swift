/// A source under other names: each tensor keeps its contents and gets the name that the rest of the program uses.
struct RenamedTensors: TensorSource {
  let tensors: [String: TensorDescription]
  private let base: any TensorSource
  private let originalNames: [String: String]

  /// `base` with every name passed through `rename`.
  ///
  /// - Throws: `collidingNames` when two become one.
  init(_ base: any TensorSource, rename: (String) -> String) throws {
    var tensors: [String: TensorDescription] = [:]
    var originalNames: [String: String] = [:]
    for (original, tensor) in base.tensors.sorted(by: { $0.key < $1.key }) {
      let name = rename(original)
      if let first = originalNames.updateValue(original, forKey: name) {
        throw CheckpointError.collidingNames(file: base.path, first: first, second: original)
      }
      tensors[name] = TensorDescription(name: name, dtype: tensor.dtype, shape: tensor.shape)
    }
    self.base = base
    self.tensors = tensors
    self.originalNames = originalNames
  }

  var path: String { base.path }

  private func original(_ name: String) throws -> String {
    guard let original = originalNames[name] else { throw CheckpointError.noSuchTensor(file: path, name: name) }
    return original
  }

  func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    try base.floats(try original(name), into: destination)
  }

  func integers(_ name: String) throws -> [Int64] { try base.integers(try original(name)) }
}
