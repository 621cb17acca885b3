import Compute

// An option of the published code.

extension EncoderModel {
  /// Step parameters that are one and the same under `SharedSteps.byKind`: weights (the head's too), activations, tables.
  private var sharedStepGroups: [[ParameterInfo]] {
    guard scheme.sharedSteps == .byKind else { return [] }
    let parameters = layout.parameters
    let suffixes = [".step", ".offset"]
    let groups: [(ParameterInfo) -> Bool] = [
      { $0.name.contains("weight_quantizer") && !$0.name.contains(".embeddings.") },
      { $0.name.contains("input_quantizer") },
      { $0.name.contains("weight_quantizer") && $0.name.contains(".embeddings.") },
    ]
    return groups.flatMap { isMember in
      suffixes.map { suffix in parameters.filter { isMember($0) && $0.name.hasSuffix(suffix) } }
    }.filter { $0.count > 1 }
  }

  /// Gives every member of a group the first one's value: "set once from the first tensor seen".
  public func shareSteps() {
    for group in sharedStepGroups {
      for parameter in group.dropFirst() { parameters[parameter.start] = parameters[group[0].start] }
    }
  }

  /// Gives every member of a group the sum of their gradients, so that they stay equal.
  public func tieSharedSteps(of store: GradientStore) {
    for group in sharedStepGroups {
      let sum = group.reduce(Float(0)) { $0 + store.value(at: $1.start) }
      for parameter in group {
        withUnsafePointer(to: sum) { store.write($0, to: parameter.start..<parameter.start + 1) }
      }
    }
  }
}
