import Foundation

/// The ids of words seen before: natural text repeats its words, and a look-up costs a hundredth of a segmentation.
///
/// A table of fixed size, never grown: when a part of it is full, everything is forgotten. One thread at a time.
final class WordCache {
  /// Longer words are rare, and are not kept.
  static let longestWord = 64
  private static let slotCount = 1 << 16
  private static let mostProbes = 8
  private static let keyRoom = 1 << 20
  private static let idRoom = 1 << 18

  private struct Slot {
    var hash: UInt64 = 0  // 0: empty
    var key: Int32 = 0
    var ids: Int32 = 0
    var keyCount: UInt16 = 0
    var idCount: UInt16 = 0
  }

  private let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
  private let keys = UnsafeMutablePointer<UInt8>.allocate(capacity: keyRoom)
  private let ids = UnsafeMutablePointer<Int32>.allocate(capacity: idRoom)
  private var slotsUsed = 0
  private var keysUsed = 0
  private var idsUsed = 0

  init() { slots.initialize(repeating: Slot(), count: Self.slotCount) }

  deinit {
    slots.deallocate()
    keys.deallocate()
    ids.deallocate()
  }

  /// Never 0.
  @inline(__always)
  static func hash(_ word: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    let raw = UnsafeRawPointer(word)
    var h = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    var at = 0
    while at + 8 <= count {
      h = (h ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xBF58_476D_1CE4_E5B9
      h ^= h >> 31
      at += 8
    }
    var tail: UInt64 = 0
    while at < count {
      tail = tail << 8 | UInt64(word[at])
      at += 1
    }
    h = (h ^ tail) &* 0x94D0_49BB_1331_11EB
    h ^= h >> 29
    return h | 1 << 63
  }

  /// The ids of a word, valid until the next `insert`; nil when it is not here.
  @inline(__always)
  func find(_ word: UnsafePointer<UInt8>, _ count: Int, _ hash: UInt64) -> UnsafeBufferPointer<Int32>? {
    var at = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    for _ in 0..<Self.mostProbes {
      let slot = slots + at
      if slot.pointee.hash == 0 { return nil }
      if slot.pointee.hash == hash && Int(slot.pointee.keyCount) == count
        && memcmp(keys + Int(slot.pointee.key), word, count) == 0
      {
        return UnsafeBufferPointer(start: ids + Int(slot.pointee.ids), count: Int(slot.pointee.idCount))
      }
      at = (at + 1) & (Self.slotCount - 1)
    }
    return nil
  }

  /// Keeps the ids of a word of at most `longestWord` bytes that `find` did not know.
  func insert(_ word: UnsafePointer<UInt8>, _ count: Int, _ hash: UInt64, ids new: ArraySlice<Int32>) {
    guard count <= Self.longestWord, new.count <= 8 * Self.longestWord else { return }
    let isFull = slotsUsed > Self.slotCount * 3 / 4
    if isFull || keysUsed + count > Self.keyRoom || idsUsed + new.count > Self.idRoom { forget() }
    var at = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    for _ in 0..<Self.mostProbes {
      if slots[at].hash == 0 {
        slots[at] = Slot(
          hash: hash, key: Int32(keysUsed), ids: Int32(idsUsed), keyCount: UInt16(count), idCount: UInt16(new.count))
        memcpy(keys + keysUsed, word, count)
        for (i, id) in new.enumerated() { ids[idsUsed + i] = id }
        slotsUsed += 1
        keysUsed += count
        idsUsed += new.count
        return
      }
      at = (at + 1) & (Self.slotCount - 1)
    }
  }

  private func forget() {
    slots.update(repeating: Slot(), count: Self.slotCount)
    (slotsUsed, keysUsed, idsUsed) = (0, 0, 0)
  }
}
