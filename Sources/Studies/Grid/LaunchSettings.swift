import Configuration

/// How each cell's programs are started.
public struct LaunchSettings: SettingsSection {
  /// Ranks of a cell; 0: the program alone, without `mpirun`.
  public var ranks = 0
  /// Threads of a rank; 0: as many as its cores allow.
  public var threads = 0
  /// Hosts and slots, as `launch/mpirun` takes them; empty: this host, or those of the job.
  public var hostfile = ""
  /// The launcher; empty: `launch/mpirun` of this installation.
  public var launcher = ""

  /// The program alone.
  public init() {}

  /// The keys of this section.
  public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
    try visitor.integer("ranks", &ranks, 0...65_536, "ranks of a cell; 0: the program alone")
    try visitor.integer("threads", &threads, 0...4_096, "threads a rank; 0: its share of the cores")
    try visitor.path("hostfile", &hostfile, "hosts and slots of OpenMPI")
    try visitor.path("launcher", &launcher, "a program in place of launch/mpirun, with its options")
  }
}

/// What `--submit slurm` asks Slurm for.
public struct SlurmSettings: SettingsSection {
  /// Hosts of a cell.
  public var nodes = 1
  /// Time limit of a job, as Slurm writes it; a cell that runs out of it goes on in the next.
  public var time = ["12:00:00"]
  /// Cells of a level that run at the same time, at most.
  public var throttle = 8
  /// CPUs of a rank; 0: Slurm's own default.
  public var cpusPerTask = 0
  /// Further options of `sbatch`.
  public var options: [String] = []
  /// A shell file that each job reads first.
  public var setup = ""

  /// One host, twelve hours.
  public init() {}

  /// The keys of this section.
  public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
    try visitor.integer("nodes", &nodes, 1...65_536, "hosts of a cell")
    try visitor.words("time", &time, "the time limit of a job")
    try visitor.integer("throttle", &throttle, 1...100_000, "cells that run at the same time, at most")
    try visitor.integer("cpus_per_task", &cpusPerTask, 0...4_096, "CPUs a rank; 0: not asked for")
    try visitor.words("options", &options, "further options of sbatch")
    try visitor.path("setup", &setup, "a shell file that each job reads first: modules, paths")
  }
}
