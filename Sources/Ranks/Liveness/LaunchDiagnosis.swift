/// What the environment tells about a start that went wrong: several worlds of one rank in place of one of several.
///
/// That happens when the launcher and the MPI library do not know each other (`srun` without PMIx, another MPI's
/// `mpirun`): every process trains alone and all of them write the same files.
public enum LaunchDiagnosis: Equatable, Sendable, CustomStringConvertible {
  /// Slurm's `srun` started several tasks that the MPI library does not know as one world.
  case separateSlurmTasks(taskCount: Int, worldCount: Int)
  /// A batch script asked for several tasks and started the program without a launcher.
  case batchScriptWithoutLauncher(taskCount: Int)
  /// A launcher announced another number of ranks than the world has.
  case otherLauncher(variable: String, announced: Int, worldCount: Int)

  /// One line: what, where, and the cure.
  public var description: String {
    switch self {
    case .separateSlurmTasks(let taskCount, let worldCount):
      return "srun started \(taskCount) tasks, but MPI sees a world of \(worldCount): each would train alone; "
        + "use launch/slurm.sbatch (mpirun inside sbatch), or srun --mpi=pmix with a Slurm that has it"
    case .batchScriptWithoutLauncher(let taskCount):
      return "the Slurm job has \(taskCount) tasks, but palier was started without a launcher and sees 1 rank; "
        + "start it with mpirun (launch/slurm.sbatch does)"
    case .otherLauncher(let variable, let announced, let worldCount):
      return
        "the launcher announced \(announced) ranks (\(variable)), but MPI sees a world of \(worldCount): each would "
        + "train alone; use the mpirun of the OpenMPI that palier was built with (mpirun --version, palier doctor)"
    }
  }

  /// What is wrong with a world of `worldCount` ranks under `environment`, or nil.
  public static func find(environment: [String: String], worldCount: Int) -> LaunchDiagnosis? {
    for variable in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"] {
      // mpirun inside a job step inherits the outer PMI_SIZE: OpenMPI's own count goes first and ends the search.
      guard let announced = number(variable, in: environment) else { continue }
      guard announced != worldCount else { return nil }
      return .otherLauncher(variable: variable, announced: announced, worldCount: worldCount)
    }
    guard worldCount == 1 else { return nil }
    if let tasks = slurmStepTaskCount(environment), tasks > 1 {
      return .separateSlurmTasks(taskCount: tasks, worldCount: worldCount)
    }
    if let tasks = number("SLURM_NTASKS", in: environment), tasks > 1 {
      return .batchScriptWithoutLauncher(taskCount: tasks)
    }
    return nil
  }

  /// What is already known to go wrong before MPI starts: OpenMPI ends the process itself, with a page of text, under
  /// an `srun` that it cannot talk to.
  static func beforeStart(environment: [String: String]) -> LaunchDiagnosis? {
    let isKnownToMPI = environment.keys.contains { $0.hasPrefix("PMIX_") || $0.hasPrefix("OMPI_COMM_WORLD") }
    return isKnownToMPI ? nil : find(environment: environment, worldCount: 1)
  }

  /// The number of tasks of the `srun` step that started this process, if one did.
  private static func slurmStepTaskCount(_ environment: [String: String]) -> Int? {
    // The batch script is itself a step of one task and may carry SLURM_STEP_NUM_TASKS=1; allocations carry none.
    if let tasks = number("SLURM_STEP_NUM_TASKS", in: environment) { return tasks }
    return environment["SLURM_STEP_ID"] == nil ? nil : number("SLURM_NTASKS", in: environment)
  }

  private static func number(_ variable: String, in environment: [String: String]) -> Int? {
    guard let text = environment[variable], let value = Int(text), value > 0 else { return nil }
    return value
  }
}
