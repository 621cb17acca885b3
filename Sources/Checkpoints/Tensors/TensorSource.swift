/// The element types that checkpoints may hold.
public enum ElementType: String, CaseIterable, Sendable {
  /// IEEE binary32.
  case float32 = "F32"
  /// IEEE binary16.
  case float16 = "F16"
  /// The upper half of a binary32.
  case bfloat16 = "BF16"
  /// IEEE binary64.
  case float64 = "F64"
  /// Signed, 64 bits.
  case int64 = "I64"
  /// Signed, 32 bits.
  case int32 = "I32"
  /// Signed, 16 bits.
  case int16 = "I16"
  /// Signed, 8 bits.
  case int8 = "I8"
  /// Unsigned, 8 bits.
  case uint8 = "U8"
  /// One byte, zero or not.
  case bool = "BOOL"

  /// The bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are whole numbers (truth values count as 0 and 1).
  public var isInteger: Bool {
    switch self {
    case .float32, .float16, .bfloat16, .float64: false
    case .int64, .int32, .int16, .int8, .uint8, .bool: true
    }
  }

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// What a checkpoint says of one tensor.
public struct TensorDescription: Equatable, Sendable {
  /// The name, unique in its source.
  public let name: String
  /// The element type in the file.
  public let dtype: ElementType
  /// The sizes, outermost first; none for a single number.
  public let shape: [Int]

  /// A description; the product of `shape` must fit in an `Int`.
  public init(name: String, dtype: ElementType, shape: [Int]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }

  /// The product of the shape.
  public var elementCount: Int { shape.reduce(1, *) }
}

/// Something that tensors can be read from, by name.
public protocol TensorSource {
  /// The file or folder, for messages.
  var path: String { get }
  /// What is there.
  var tensors: [String: TensorDescription] { get }
  /// Writes the elements of `name`, row-major, converted to float32 (nearest, ties to even); NaN and infinities pass
  /// through.
  ///
  /// - Throws: `noSuchTensor`; `elementCount` when the buffer has another size; what reading the file brings.
  func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws
  /// The elements of `name`, row-major; truth values give 0 and 1.
  ///
  /// - Throws: `noSuchTensor`; `notIntegers` for a floating-point tensor; what reading the file brings.
  func integers(_ name: String) throws -> [Int64]
}

/// A source whose tensors lie in memory as they are stored: parts of them can be read without converting the whole.
package protocol MappedTensorSource: TensorSource {
  /// Lends the raw elements of `name`, row-major, little-endian, in the type of the file; not always aligned.
  func withBytes<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
}

extension TensorSource {
  /// The elements of `name`, row-major, as float32.
  public func floats(_ name: String) throws -> [Float] {
    let count = try describe(name).elementCount
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try floats(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }

  /// The description of `name`.
  ///
  /// - Throws: `noSuchTensor`.
  public func describe(_ name: String) throws -> TensorDescription {
    guard let tensor = tensors[name] else { throw CheckpointError.noSuchTensor(file: path, name: name) }
    return tensor
  }

  /// The description of `name`, which must have `count` elements.
  func describe(_ name: String, elementCount count: Int) throws -> TensorDescription {
    let tensor = try describe(name)
    guard tensor.elementCount == count else {
      throw CheckpointError.elementCount(file: path, tensor: name, expected: count, found: tensor.elementCount)
    }
    return tensor
  }

  /// The description of `name`, which must hold whole numbers.
  func describeIntegers(_ name: String) throws -> TensorDescription {
    let tensor = try describe(name)
    guard tensor.dtype.isInteger else {
      throw CheckpointError.notIntegers(file: path, tensor: name, type: tensor.dtype.rawValue)
    }
    return tensor
  }
}

/// The product of `shape`, or nil beyond what a file of bytes can hold.
func checkedElementCount(_ shape: [Int]) -> Int? {
  var count = 1
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflow, product < 1 << 56 else { return nil }
    count = product
  }
  return count
}
