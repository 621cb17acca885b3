/// Sums blocks of a buffer over the ranks, several at a time, without ever blocking. All ranks submit the same blocks in the same
/// order. Used by one thread at a time.
protocol BlockSums<Element>: AnyObject {
  associatedtype Element: Reducible
  /// Whether every submitted block is done.
  var isIdle: Bool { get }
  /// The first element whose sum overflowed on this rank, counted from its block's buffer, where that is seen.
  var firstOverflow: Int? { get }
  /// Queues a block.
  func submit(_ block: RingBlock<Element>)
  /// Moves on what can move on.
  /// - Parameter completed: called with each finished block.
  /// - Returns: whether anything moved.
  func poll(completed: (RingBlock<Element>) -> Void) throws -> Bool
  /// Forgets an overflow that has been reported.
  func clearOverflow()
  /// Bytes that this rank sends for `block`.
  func sentByteCount(of block: RingBlock<Element>) -> Int
}

extension Ring: BlockSums {}
