/// The only names that a pickle of tensors may use; every other one is refused before anything is done with it.
enum PickleName: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case size
  case storage(ElementType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "Size"): self = .size
    case ("torch", _):
      guard let type = PickleName.storages[name] else { return nil }
      self = .storage(type)
    default: return nil
    }
  }

  private static let storages: [String: ElementType] = [
    "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "DoubleStorage": .float64,
    "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8,
    "BoolStorage": .bool,
  ]
}

/// A value on the unpickler's stack.
///
/// Containers are numbers into the unpickler's lists: a value may then be shared or hold itself, as in Python, and
/// freeing it never recurses.
enum PickleValue: Equatable {
  case none
  case bool(Bool)
  case integer(Int64)
  case float(Double)
  case string(String)
  case name(PickleName)
  case tuple(Int)
  case dictionary(Int)
  case storage(Int)
  case tensor(Int)

  /// What it is, for a message.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .integer: "an integer"
    case .float: "a float"
    case .string: "a string"
    case .name: "a class or function"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// A storage as the pickle names it: an entry of the archive seen as elements of a type.
package struct PickledStorage: Equatable, Sendable {
  /// The entry's name under `data/`.
  package let key: String
  package let type: ElementType
  package let elementCount: Int
}

/// A tensor as the pickle describes it, checked to lie within its storage.
package struct PickledTensor: Equatable, Sendable {
  package let storage: PickledStorage
  /// The first element.
  package let offset: Int
  package let shape: [Int]
  /// Elements from one index to the next, for each dimension.
  package let strides: [Int]
}
