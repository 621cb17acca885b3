import Foundation

/// A fixed-size block of plain values, aligned to a page so that products, vector kernels and NUMA placement all like it.
///
/// The memory is zero when made, and untouched until first written (first touch decides the NUMA node).
/// The one owner of its memory: kernels borrow `pointer` for a call and store none.
public final class AlignedBuffer<Element> {
  /// The number of elements.
  public let count: Int
  /// The first element; valid while the buffer lives.
  public let pointer: UnsafeMutablePointer<Element>
  private let byteCount: Int

  /// Reserves room for `count` zero elements, from the system's zero pages.
  public init(_ count: Int) {
    precondition(count >= 0, "AlignedBuffer: \(count) elements")
    self.count = count
    byteCount = max(count * MemoryLayout<Element>.stride, 1)
    let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped, mapped != MAP_FAILED else {
      // Not a programmer's error and not one that a caller can mend: one line, and the other ranks end with this one.
      let line =
        "palier: out of memory: \(byteCount) bytes could not be reserved; use fewer ranks a node or smaller slices\n"
      _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
      _exit(1)
    }
    // Large blocks are swept over many times a step: huge pages spare TLB misses. A refusal is harmless.
    if byteCount >= 1 << 22 { madvise(mapped, byteCount, 14 /* MADV_HUGEPAGE */) }
    pointer = mapped.bindMemory(to: Element.self, capacity: max(count, 1))
  }

  deinit { munmap(pointer, byteCount) }

  /// The elements as a mutable view.
  public var elements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: pointer, count: count) }

  /// The element at `index`, checked.
  public subscript(index: Int) -> Element {
    get { elements[index] }
    set { elements[index] = newValue }
  }
}
