import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

/// Asserts that `expression` throws a `CheckpointError` that `matches`, and that its description is one line.
func assertRefused<Result>(
  _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath, line: UInt = #line,
  _ matches: (CheckpointError) -> Bool
) {
  assertThrows(CheckpointError.self, file: file, line: line) {
    try expression()
  } where: {
    matches($0)
  }
}

/// Asserts that `expression` throws a `FileError` that `matches`, and that its description is one line.
func assertRefusedByMachine<Result>(
  _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath, line: UInt = #line,
  _ matches: (FileError) -> Bool
) {
  assertThrows(FileError.self, file: file, line: line) {
    try expression()
  } where: {
    matches($0)
  }
}

/// Asserts that `expression` throws exactly `expected`.
func assertThrows<Result>(
  _ expected: CheckpointError, _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath,
  line: UInt = #line
) {
  assertRefused(try expression(), file: file, line: line) { $0 == expected }
}

/// Asserts that `expression` throws exactly `expected`.
func assertThrows<Result>(
  _ expected: FileError, _ expression: @autoclosure () throws -> Result, file: StaticString = #filePath,
  line: UInt = #line
) {
  assertRefusedByMachine(try expression(), file: file, line: line) { $0 == expected }
}

extension MappedFile {
  /// The bytes as a file of a made-up path.
  static func of(_ bytes: [UInt8], path: String = "file") -> MappedFile {
    bytes.withUnsafeBytes { MappedFile(copying: $0, path: path) }
  }
}

extension Array where Element == UInt8 {
  /// The little-endian bytes of `number`.
  init<Number: FixedWidthInteger>(_ number: Number) {
    self = Swift.withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}

/// Lends `values` as tensors to `body`.
func withTensors<Result>(_ values: [(String, [Int], [Float])], _ body: ([TensorView]) throws -> Result) rethrows
  -> Result
{
  let buffers = values.map { name, shape, floats -> (TensorView, UnsafeMutableBufferPointer<Float>) in
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: floats.count)
    _ = buffer.initialize(from: floats)
    return (TensorView(name, shape: shape, floats: UnsafeBufferPointer(buffer)), buffer)
  }
  defer { for (_, buffer) in buffers { buffer.deallocate() } }
  return try body(buffers.map(\.0))
}

/// The largest resident size of this process so far, in bytes.
func peakMemory() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 } ?? 0
}
