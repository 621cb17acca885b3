/// A reader of pickles that builds tensors, plain containers and scalars, and nothing else.
///
/// No instruction calls anything: `REDUCE` stands for the four constructions of `PickleName`. Work and memory are
/// linear in the pickle (at most some 100 bytes for each of its bytes), nesting, stack and size are bounded, and
/// whatever is not needed for tensors is refused by its name. Source of the instructions: CPython,
/// `Lib/pickletools.py`.
package struct Unpickler {
  package static let largestByteCount = 1 << 22
  static let deepestNesting = 32
  static let longestName = 256
  static let mostDimensions = 32

  private var cursor: ByteCursor
  private let file: String
  /// The byte count of the archive's entry for a storage, nil when there is none.
  private let storageByteCount: (String) -> Int?

  private var start = 0
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [UInt32: PickleValue] = [:]
  private var tuples: [[PickleValue]] = []
  private var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  private var tupleDepths: [Int] = []
  private var dictionaryDepths: [Int] = []
  private var storages: [PickledStorage] = []
  private var tensors: [PickledTensor] = []

  private init(_ bytes: UnsafeRawBufferPointer, file: String, storageByteCount: @escaping (String) -> Int?) {
    cursor = ByteCursor(bytes, 0..<bytes.count)
    self.file = file
    self.storageByteCount = storageByteCount
  }

  /// The state dictionary that `bytes` describe, in order: names and tensors.
  ///
  /// A dictionary that holds one under `"state_dict"` stands for that one.
  package static func stateDictionary(
    in bytes: UnsafeRawBufferPointer, file: String, storageByteCount: @escaping (String) -> Int?
  ) throws -> [(name: String, tensor: PickledTensor)] {
    guard bytes.count <= largestByteCount else {
      throw CheckpointError.pickle(file: file, offset: 0, reason: "\(bytes.count) bytes, more than \(largestByteCount)")
    }
    var unpickler = Unpickler(bytes, file: file, storageByteCount: storageByteCount)
    let value = try unpickler.run()
    return try unpickler.stateDictionary(value)
  }

  private func broken(_ reason: String) -> CheckpointError { .pickle(file: file, offset: start, reason: reason) }

  private func stateDictionary(_ root: PickleValue) throws -> [(name: String, tensor: PickledTensor)] {
    guard case .dictionary(var index) = root else {
      throw CheckpointError.notATensor(file: file, key: "the whole file", found: root.kind)
    }
    let nested = dictionaries[index].first { $0.key == .string("state_dict") }
    if case .dictionary(let inner) = nested?.value { index = inner }
    var names: Set<String> = []
    return try dictionaries[index].map { key, value in
      guard case .string(let name) = key else {
        throw CheckpointError.notATensor(file: file, key: "a key", found: key.kind)
      }
      guard case .tensor(let tensor) = value else {
        throw CheckpointError.notATensor(file: file, key: name, found: value.kind)
      }
      guard names.insert(name).inserted else { throw CheckpointError.duplicateTensor(file: file, name: name) }
      return (name, tensors[tensor])
    }
  }

  /// Carries the instructions out, up to `STOP`.
  private mutating func run() throws -> PickleValue {
    while true {
      start = cursor.position
      guard let byte: UInt8 = cursor.next() else { throw broken("the pickle ends without STOP") }
      guard let opcode = PickleOpcode(rawValue: byte) else {
        throw broken("0x\(String(byte, radix: 16)) is no pickle instruction")
      }
      if opcode == .STOP {
        let value = try pop()
        guard stack.isEmpty, marks.isEmpty else { throw broken("values are left over") }
        return value
      }
      try perform(opcode)
    }
  }

  private mutating func perform(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .PROTO: try protocolVersion()
    case .FRAME: try frame()
    case .MARK: marks.append(stack.count)
    case .NONE: stack.append(.none)
    case .NEWTRUE: stack.append(.bool(true))
    case .NEWFALSE: stack.append(.bool(false))
    case .BININT: stack.append(.integer(Int64(try number(Int32.self))))
    case .BININT1: stack.append(.integer(Int64(try number(UInt8.self))))
    case .BININT2: stack.append(.integer(Int64(try number(UInt16.self))))
    case .LONG1: stack.append(.integer(try long()))
    case .BINFLOAT: stack.append(.float(Double(bitPattern: try number(UInt64.self).byteSwapped)))
    case .SHORT_BINUNICODE: stack.append(.string(try text(UInt64(try number(UInt8.self)))))
    case .BINUNICODE: stack.append(.string(try text(UInt64(try number(UInt32.self)))))
    case .BINUNICODE8: stack.append(.string(try text(try number(UInt64.self))))
    case .EMPTY_TUPLE: try pushTuple([])
    case .TUPLE1: try pushTuple(try pop(1))
    case .TUPLE2: try pushTuple(try pop(2))
    case .TUPLE3: try pushTuple(try pop(3))
    case .TUPLE: try pushTuple(try popToMark())
    case .EMPTY_DICT: pushDictionary()
    case .SETITEM: try setItems(try pop(2))
    case .SETITEMS: try setItems(try popToMark())
    case .BINPUT: memo[UInt32(try number(UInt8.self))] = try top()
    case .LONG_BINPUT: memo[try number(UInt32.self)] = try top()
    case .MEMOIZE: memo[UInt32(memo.count)] = try top()
    case .BINGET: try get(UInt32(try number(UInt8.self)))
    case .LONG_BINGET: try get(try number(UInt32.self))
    case .GLOBAL: try global()
    case .STACK_GLOBAL: try stackGlobal()
    case .BINPERSID: try persistent()
    case .REDUCE: try reduce()
    case .BUILD: try build()
    default:
      throw CheckpointError.forbiddenInstruction(file: file, instruction: "\(opcode)", offset: start)
    }
  }
}

// MARK: - Stack and memo

extension Unpickler {
  private func top() throws -> PickleValue {
    guard let value = stack.last, stack.count > (marks.last ?? 0) else { throw broken("the stack is empty") }
    return value
  }

  private mutating func pop() throws -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func pop(_ count: Int) throws -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw broken("the stack is too short") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw broken("no MARK on the stack") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func get(_ index: UInt32) throws {
    guard let value = memo[index] else { throw broken("memo \(index) is read before it is written") }
    stack.append(value)
  }
}

// MARK: - Scalars

extension Unpickler {
  private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws -> Number {
    guard let number = cursor.next(type) else { throw broken("the pickle ends too early") }
    return number
  }

  private mutating func text(_ length: UInt64) throws -> String {
    guard length <= UInt64(cursor.remaining), let bytes = cursor.take(Int(length)) else {
      throw broken("a string of \(length) bytes, \(cursor.remaining) are left")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw broken("a string that is not UTF-8") }
    return text
  }

  /// A little-endian two's-complement number of up to eight bytes.
  private mutating func long() throws -> Int64 {
    let length = Int(try number(UInt8.self))
    guard length <= 8 else { throw broken("an integer of \(length) bytes") }
    guard let bytes = cursor.take(length) else { throw broken("the pickle ends too early") }
    var value: UInt64 = length > 0 && bytes[length - 1] >= 0x80 ? .max : 0
    for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
    return Int64(bitPattern: value)
  }

  private mutating func protocolVersion() throws {
    let version = try number(UInt8.self)
    guard (2...5).contains(version) else { throw broken("protocol \(version), expected 2 to 5") }
  }

  private mutating func frame() throws {
    let length = try number(UInt64.self)
    guard length <= UInt64(cursor.remaining) else {
      throw broken("a frame of \(length) bytes, \(cursor.remaining) are left")
    }
  }
}

// MARK: - Containers

extension Unpickler {
  private func depth(of value: PickleValue) -> Int {
    switch value {
    case .tuple(let index): tupleDepths[index]
    case .dictionary(let index): dictionaryDepths[index]
    default: 0
    }
  }

  private func depth(around values: [PickleValue]) throws -> Int {
    let depth = 1 + (values.map { self.depth(of: $0) }.max() ?? 0)
    guard depth <= Unpickler.deepestNesting else { throw broken("nested deeper than \(Unpickler.deepestNesting)") }
    return depth
  }

  private mutating func pushTuple(_ values: [PickleValue]) throws {
    tupleDepths.append(try depth(around: values))
    tuples.append(values)
    stack.append(.tuple(tuples.count - 1))
  }

  private mutating func pushDictionary() {
    dictionaryDepths.append(1)
    dictionaries.append([])
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func setItems(_ items: [PickleValue]) throws {
    guard case .dictionary(let index) = try top() else { throw broken("items are set on \(try top().kind)") }
    guard items.count % 2 == 0 else { throw broken("a key without a value") }
    guard !items.contains(.dictionary(index)) else { throw broken("a dictionary inside itself") }
    dictionaryDepths[index] = max(dictionaryDepths[index], try depth(around: items))
    for pair in stride(from: 0, to: items.count, by: 2) {
      dictionaries[index].append((items[pair], items[pair + 1]))
    }
  }

  /// `BUILD` gives attributes to an object. The one use here is the `_metadata` (module versions) that PyTorch hangs
  /// on a state dictionary: it is looked at and dropped.
  private mutating func build() throws {
    let state = try pop()
    guard case .dictionary = try top(), case .dictionary(let attributes) = state,
      dictionaries[attributes].allSatisfy({ $0.key == .string("_metadata") })
    else {
      throw CheckpointError.forbiddenInstruction(file: file, instruction: "BUILD", offset: start)
    }
  }
}

// MARK: - Names and what they build

extension Unpickler {
  private mutating func global() throws {
    guard let module = cursor.line(longest: Unpickler.longestName),
      let name = cursor.line(longest: Unpickler.longestName)
    else { throw broken("a name that does not end") }
    try push(module: String(decoding: module, as: UTF8.self), name: String(decoding: name, as: UTF8.self))
  }

  private mutating func stackGlobal() throws {
    let values = try pop(2)
    guard case .string(let module) = values[0], case .string(let name) = values[1] else {
      throw broken("STACK_GLOBAL without two strings")
    }
    try push(module: module, name: name)
  }

  private mutating func push(module: String, name: String) throws {
    guard let known = PickleName(module: module, name: name) else {
      throw CheckpointError.forbiddenName(file: file, name: "\(module).\(name)")
    }
    stack.append(.name(known))
  }

  /// A storage: `('storage', torch.FloatStorage, key, location, element count)`.
  private mutating func persistent() throws {
    guard case .tuple(let index) = try pop(), tuples[index].count == 5, tuples[index][0] == .string("storage"),
      case .name(.storage(let type)) = tuples[index][1], case .string(let key) = tuples[index][2],
      case .string = tuples[index][3], case .integer(let count) = tuples[index][4]
    else { throw broken("a persistent id that is not a storage") }
    guard let byteCount = storageByteCount(key) else {
      throw CheckpointError.storage(file: file, key: key, reason: "no such entry in the archive")
    }
    let (expected, overflow) = Int(count).multipliedReportingOverflow(by: type.byteCount)
    guard count >= 0, !overflow, expected == byteCount else {
      throw CheckpointError.storage(
        file: file, key: key, reason: "\(count) elements of \(type.rawValue), but the entry has \(byteCount) bytes")
    }
    storages.append(PickledStorage(key: key, type: type, elementCount: Int(count)))
    stack.append(.storage(storages.count - 1))
  }

  private mutating func reduce() throws {
    let call = try pop(2)
    guard case .name(let name) = call[0], case .tuple(let index) = call[1] else {
      throw broken("REDUCE of \(call[0].kind) on \(call[1].kind)")
    }
    let arguments = tuples[index]
    switch name {
    case .orderedDictionary:
      guard arguments.isEmpty else { throw broken("collections.OrderedDict with arguments") }
      pushDictionary()
    case .size:
      guard arguments.count == 1, case .tuple = arguments[0] else {
        throw broken("torch.Size of something else than a tuple")
      }
      stack.append(arguments[0])
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = arguments[0] else {
        throw broken("torch._utils._rebuild_parameter without a tensor")
      }
      stack.append(arguments[0])
    case .rebuildTensor: try rebuildTensor(arguments)
    case .storage(let type): throw broken("a call of the storage class of \(type.rawValue)")
    }
  }

  /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])`.
  private mutating func rebuildTensor(_ arguments: [PickleValue]) throws {
    guard (6...7).contains(arguments.count), case .storage(let index) = arguments[0],
      case .integer(let offset) = arguments[1], case .tuple(let sizes) = arguments[2],
      case .tuple(let steps) = arguments[3], case .bool = arguments[4]
    else { throw broken("torch._utils._rebuild_tensor_v2 with unexpected arguments") }
    let storage = storages[index]
    let shape = try integers(tuples[sizes])
    let strides = try integers(tuples[steps])
    guard shape.count == strides.count, shape.count <= Unpickler.mostDimensions else {
      throw broken("a tensor of \(shape.count) sizes and \(strides.count) strides")
    }
    func wrong(_ reason: String) -> CheckpointError { .storage(file: file, key: storage.key, reason: reason) }
    guard offset >= 0, shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else {
      throw wrong("a tensor with a negative offset, size or stride")
    }
    // More elements than the storage has can only be one value shown many times: nothing that a checkpoint needs.
    guard let count = checkedElementCount(shape), count <= storage.elementCount else {
      throw wrong("a tensor of shape \(shape) in \(storage.elementCount) elements")
    }
    guard let end = Unpickler.end(offset: Int(offset), shape, strides), end <= storage.elementCount else {
      throw wrong(
        "a tensor of shape \(shape), strides \(strides), offset \(offset) in \(storage.elementCount) elements")
    }
    tensors.append(PickledTensor(storage: storage, offset: Int(offset), shape: shape, strides: strides))
    stack.append(.tensor(tensors.count - 1))
  }

  private func integers(_ values: [PickleValue]) throws -> [Int] {
    try values.map { value in
      guard case .integer(let number) = value else { throw broken("\(value.kind) where a size is due") }
      return Int(number)
    }
  }

  /// One past the last element that a tensor touches, nil on overflow.
  private static func end(offset: Int, _ shape: [Int], _ strides: [Int]) -> Int? {
    guard !shape.contains(0) else { return offset }
    var last = offset
    for (size, stride) in zip(shape, strides) {
      let (reach, tooFar) = (size - 1).multipliedReportingOverflow(by: stride)
      let (next, tooLarge) = last.addingReportingOverflow(reach)
      if tooFar || tooLarge { return nil }
      last = next
    }
    return last == .max ? nil : last + 1
  }
}
