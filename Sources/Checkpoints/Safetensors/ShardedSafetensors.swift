import Base
import Foundation

/// A checkpoint cut into several safetensors files, by its `model.safetensors.index.json`.
public struct ShardedSafetensors: TensorSource, MappedTensorSource {
  /// The index's path.
  public let path: String
  /// What all shards hold together.
  public let tensors: [String: TensorDescription]
  private let shards: [String: SafetensorsFile]
  private let shardOfTensor: [String: String]

  /// Opens the index at `url` and every shard that it names, beside it.
  ///
  /// Index and shards must name the same tensors, each once.
  public init(index url: URL) throws { try self.init(index: MappedFile(url), in: url.deletingLastPathComponent()) }

  package init(index: MappedFile, in folder: URL) throws {
    path = index.path
    let map = try ShardedSafetensors.weightMap(index)
    var shards: [String: SafetensorsFile] = [:]
    for name in Set(map.values).sorted() {
      guard isPlainFileName(name) else { throw CheckpointError.unsafeName(folder: folder.path, name: name) }
      shards[name] = try SafetensorsFile(folder.appendingPathComponent(name))
    }
    self.shards = shards
    shardOfTensor = map
    tensors = try ShardedSafetensors.check(map, shards, index: index.path)
  }

  /// The names of all its files, sorted.
  var shardNames: [String] { shards.keys.sorted() }

  private static func weightMap(_ index: MappedFile) throws -> [String: String] {
    let fields = try JSONFields(reading: index)
    guard let map = fields["weight_map"]?.object, !map.isEmpty else {
      throw CheckpointError.jsonValue(
        file: index.path, key: "weight_map", expected: "an object that is not empty",
        found: fields["weight_map"]?.shown ?? "nothing")
    }
    var shardOfTensor: [String: String] = [:]
    for (tensor, node) in map {
      guard let shard = node.string else {
        throw CheckpointError.jsonValue(file: index.path, key: tensor, expected: "a file name", found: node.shown)
      }
      shardOfTensor[tensor] = shard
    }
    return shardOfTensor
  }

  private static func check(
    _ map: [String: String], _ shards: [String: SafetensorsFile], index: String
  ) throws -> [String: TensorDescription] {
    var tensors: [String: TensorDescription] = [:]
    for (name, shard) in map.sorted(by: { $0.key < $1.key }) {
      guard let tensor = shards[shard]?.tensors[name] else {
        throw CheckpointError.shardDisagrees(index: index, shard: shard, tensor: name, reason: "not in that file")
      }
      tensors[name] = tensor
    }
    for (shard, file) in shards.sorted(by: { $0.key < $1.key }) {
      for name in file.tensors.keys.sorted() where map[name] != shard {
        throw CheckpointError.shardDisagrees(
          index: index, shard: shard, tensor: name, reason: "in that file, but not so in the index")
      }
    }
    return tensors
  }

  private func shard(of name: String) throws -> SafetensorsFile {
    guard let shard = shardOfTensor[name].flatMap({ shards[$0] }) else {
      throw CheckpointError.noSuchTensor(file: path, name: name)
    }
    return shard
  }

  /// The elements of `name` as float32 (see `TensorSource`).
  public func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    try shard(of: name).floats(name, into: destination)
  }

  /// The elements of `name` as whole numbers (see `TensorSource`).
  public func integers(_ name: String) throws -> [Int64] { try shard(of: name).integers(name) }

  /// Lends the raw elements of `name` (see `MappedTensorSource`).
  package func withBytes<Result>(
    _ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result { try shard(of: name).withBytes(name, body) }
}
