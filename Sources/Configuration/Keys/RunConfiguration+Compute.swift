import Base
import Compute
import Corpus
import Encoder

extension RunConfiguration {
  /// Kinds of products, threads, placement. `auto` takes the fastest that the CPU has; for the fp32
  /// scheme it means float32 throughout.
  public struct Compute: SettingsSection {
    /// The products of the forward pass.
    public var forward = Forward.automatic
    /// The products of the backward pass.
    public var backward = Backward.automatic
    /// The products of attention, in both passes.
    public var attention = Attention.automatic
    /// The products of the masked-LM head, in both passes.
    public var head = Head.automatic
    /// How gradients are summed.
    public var reduction = Reduction.automatic
    /// By which way exact sums go over the ranks.
    public var allReduce = AllReduce.automatic
    /// How slices are shared out over the ranks.
    public var dealing = Dealing.automatic
    /// Threads a rank; 0 takes what the launcher gave.
    public var threads = 0
    /// Whether threads and memory are kept on the rank's NUMA node.
    public var numa = NUMA.automatic
    /// Whether more threads than cores, or ranks on one core, are accepted.
    public var allowOversubscription = false
    /// Whether each rank keeps its share of the optimizer's moments alone.
    public var shardOptimizer = false

    /// Everything automatic.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.choice("forward", &forward, "products of the forward pass")
      try visitor.choice("backward", &backward, "products of the backward pass")
      try visitor.choice("attention", &attention, "products of attention, in both passes")
      try visitor.choice("head", &head, "products of the masked-LM head, in both passes")
      try visitor.choice("reduction", &reduction, "how gradients are summed")
      try visitor.choice("all_reduce", &allReduce, "the way of exact sums over the ranks; auto: the faster one")
      try visitor.choice("dealing", &dealing, "how slices are shared out over the ranks")
      try visitor.integer("threads", &threads, 0...4_096, "threads a rank; 0: what the launcher gave")
      try visitor.choice("numa", &numa, "keep threads and memory on the rank's node")
      try visitor.flag("allow_oversubscription", &allowOversubscription, "accept more threads than cores")
      try visitor.flag("shard_optimizer", &shardOptimizer, "share the optimizer's moments out over the ranks")
    }
  }

  /// The products of the forward pass; automatic: integer where the scheme and the CPU allow it. bf16 is for the fp32 scheme
  /// alone: its speed under autocast.
  public typealias Forward = AutomaticOr<ForwardArithmetic>

  /// The products of the backward pass; automatic: int16 where scheme and CPU allow it, else bf16 where the CPU has it; float32
  /// for the fp32 scheme.
  public typealias Backward = AutomaticOr<BackwardArithmetic>

  /// The products of attention, in both passes; softmax is float32 in all. Automatic: bf16 where the CPU has it; float32 for the
  /// fp32 scheme.
  public typealias Attention = AutomaticOr<FloatArithmetic>

  /// The products of the masked-LM head, in both passes; softmax and loss are float32 in all. Automatic: bf16 where the CPU has
  /// it; float32 for the fp32 scheme.
  public typealias Head = AutomaticOr<FloatArithmetic>

  /// How gradients are summed over slices and ranks: 64-bit fixed point, the same bits on any number of ranks, or float32, the
  /// same bits for one number of ranks. Automatic: exact.
  public typealias Reduction = AutomaticOr<GradientStore.Kind>

  /// By which way exact sums go over the ranks: round our own ring, or by MPI's all-reduce; the bits are the same. Automatic: the
  /// faster one, by a measurement at the start. Float32 sums and those of shards go round the ring, whose order is fixed.
  public typealias AllReduce = AutomaticOr<ReductionPath>

  /// How slices are shared out over the ranks: evenly, or by the pace that each has shown, which needs exact sums. Automatic: by
  /// pace with exact sums. The result is the same; the slowest rank is done earlier.
  public typealias Dealing = AutomaticOr<SliceDealing>

  /// Whether NUMA placement is looked after.
  public enum NUMA: String, SettingsChoice {
    /// Where the machine has several nodes.
    case automatic = "auto"
    /// Left to the system.
    case off
  }
}
