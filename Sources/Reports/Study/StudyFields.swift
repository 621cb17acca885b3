import Base
import Foundation

/// The fields of a JSON object of a study's folder, read strictly: what is wrong is named by file and key.
struct StudyFields {
  /// For messages.
  let file: String
  /// "cells[3].", or empty.
  let path: String
  let fields: JSONFields

  init(file: String, path: String = "", _ fields: JSONFields) {
    (self.file, self.path, self.fields) = (file, path, fields)
  }

  /// The object that a file holds.
  init(fileAt url: URL) throws {
    let node: JSONNode
    do { node = try MappedFile(url).withBytes { try JSONReader.node(in: $0) } } catch let error as JSONError {
      throw ReportError.notJSON(file: url.path, reason: "\(error)")
    }
    guard let fields = node.object else { throw ReportError.notJSON(file: url.path, reason: "no object") }
    self.init(file: url.path, fields)
  }

  func bad(_ key: String, _ reason: String) -> ReportError {
    .badValue(file: file, key: path + key, reason: reason)
  }

  /// Whether there is a value, and not null.
  func has(_ key: String) -> Bool { fields[key].map { $0 != .null } ?? false }

  private func value<Value>(_ key: String, _ wanted: String, _ take: (JSONNode) -> Value?) throws -> Value? {
    guard let node = fields[key], node != .null else { return nil }
    guard let value = take(node) else { throw bad(key, "\(wanted) is wanted, not \(node.shown)") }
    return value
  }

  func text(_ key: String) throws -> String? { try value(key, "a text", \.string) }

  /// A count from 0.
  func count(_ key: String) throws -> Int? {
    try value(key, "a whole number from 0") { $0.integer.flatMap { $0 >= 0 ? $0 : nil } }
  }

  func integer(_ key: String) throws -> Int? { try value(key, "a whole number", \.integer) }

  /// A number; "NaN" and the like, which logs may hold, are none.
  func number(_ key: String) throws -> Double? {
    if let text = fields[key]?.string, ["NaN", "Infinity", "-Infinity"].contains(text) { return nil }
    return try value(key, "a number", \.double)
  }

  /// A number from 0 to `most`.
  func number(_ key: String, upTo most: Double) throws -> Double? {
    guard let number = try number(key) else { return nil }
    guard number >= 0, number <= most else {
      throw bad(key, most.isFinite ? "\(number) is not from 0 to \(Int(most))" : "\(number) is below 0")
    }
    return number
  }

  func object(_ key: String) throws -> StudyFields? {
    try value(key, "an object", \.object).map { StudyFields(file: file, path: path + key + ".", $0) }
  }

  func objects(_ key: String) throws -> [StudyFields]? {
    try value(key, "a list", \.array)?.enumerated().map { index, node in
      guard let fields = node.object else { throw bad("\(key)[\(index)]", "an object is wanted, not \(node.shown)") }
      return StudyFields(file: file, path: path + "\(key)[\(index)].", fields)
    }
  }

  func required<Value>(_ key: String, _ value: Value?) throws -> Value {
    guard let value else { throw bad(key, "missing") }
    return value
  }

  /// Everything as text by key, objects by "outer.inner"; for tables of facts.
  var flat: [(key: String, value: String)] {
    fields.flatMap { key, node -> [(key: String, value: String)] in
      switch node {
      case .object(let inner):
        return StudyFields(file: file, inner).flat.map { (key: key + "." + $0.key, value: $0.value) }
      case .array(let nodes):
        return [(key: key, value: nodes.map(StudyFields.plain).joined(separator: ", "))]
      default: return [(key: key, value: StudyFields.plain(node))]
      }
    }
  }

  private static func plain(_ node: JSONNode) -> String {
    switch node {
    case .string(let text): text
    case .array(let nodes): "[" + nodes.map(plain).joined(separator: ", ") + "]"
    case .object(let inner): "{" + inner.map { "\($0.key): \(plain($0.value))" }.joined(separator: ", ") + "}"
    default: node.shown
    }
  }
}
