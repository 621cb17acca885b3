import Foundation
import TestSupport
import XCTest

/// `launch/mpirun` and `launch/slurm.sbatch` in a job, with stand-ins of the batch system's programs.
final class AllocationTests: XCTestCase {
  private static let launch = SharedFolder.packageRoot.appendingPathComponent("launch").path
  /// What a host says when it is asked: its cores, its NUMA nodes, and whether a quota grants fewer.
  private static let host = "echo palier-host 16 2 no"
  private static let slurm = [
    "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "far[1-2]", "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "6", "SLURM_MEM_PER_NODE": "64000",
  ]

  /// A folder for PATH: an mpirun whose hosts have 16 cores in two NUMA nodes, and Slurm's list of hosts.
  private func standIns(_ others: [String: String] = [:]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let programs = [
      "mpirun": "case \"$*\" in *ppr:1:node*) \(Self.host); \(Self.host) ;; *) echo \"mpirun $*\" ;; esac",
      "scontrol": "[[ $1 != show ]] || printf 'far1\\nfar2\\n'",
    ].merging(others) { $1 }
    for (name, text) in programs {
      try Data("#!/usr/bin/env bash\n\(text)\n".utf8).write(to: folder.file(name))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.file(name).path)
    }
    return folder
  }

  private func launch(
    _ options: [String], in job: [String: String], with folder: TemporaryFolder, script: String = "mpirun"
  ) throws -> MPIRun.Outcome {
    let path = folder.url.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    return try MPIRun(
      command: ["\(Self.launch)/\(script)"] + options, environment: job.merging(["PATH": path]) { $1 }
    ).wait()
  }

  func testRanksThreadsAndHostsAreThoseThatSlurmGranted() throws {
    let outcome = try launch(["--dry-run", "--", "ls"], in: Self.slurm, with: standIns())
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    // Of 16 cores in two NUMA nodes a rank of the two could have 8: --cpus-per-task says 6.
    XCTAssertTrue(outcome.output.hasPrefix("mpirun -n 4 "), outcome.output)
    XCTAssertTrue(outcome.output.contains(" --map-by ppr:1:numa:PE=6 --bind-to core "), outcome.output)
    XCTAssertTrue(outcome.output.contains(" OMP_NUM_THREADS=6 "), outcome.output)
    XCTAssertTrue(outcome.errors.contains("64000 MiB a host, 32000 MiB a rank"), outcome.errors)
    XCTAssertTrue(outcome.errors.contains("4 ranks × 6 threads on 2 host(s) of 16 cores, 2 NUMA"), outcome.errors)
  }

  func testOlderNamesOfSlurmsVariablesAndTasksANodeAreEnough() throws {
    let job = [
      "SLURM_NNODES": "2", "SLURM_TASKS_PER_NODE": "2(x2)", "SLURM_JOB_CPUS_PER_NODE": "12(x1),8",
      "SLURM_MEM_PER_CPU": "500",
    ]
    let outcome = try launch(["--dry-run", "--", "ls"], in: job, with: standIns())
    XCTAssertTrue(outcome.output.hasPrefix("mpirun -n 4 "), outcome.output + outcome.errors)
    // The 8 CPUs of the smaller host, for two ranks.
    XCTAssertTrue(outcome.output.contains(" OMP_NUM_THREADS=4 "), outcome.output)
    XCTAssertTrue(outcome.errors.contains("4000 MiB a host"), outcome.errors)
  }

  func testTheCommandLineGoesBeforeTheJob() throws {
    let outcome = try launch(["-n", "6", "--threads", "3", "--dry-run", "--", "ls"], in: Self.slurm, with: standIns())
    XCTAssertTrue(outcome.output.hasPrefix("mpirun -n 6 "), outcome.output + outcome.errors)
    XCTAssertTrue(outcome.output.contains("PALIER_THREADS_ASKED=3"), outcome.output)
    // Six ranks in four slots, on granted CPUs.
    XCTAssertTrue(outcome.output.contains("--oversubscribe"), outcome.output)
    let folder = try standIns()
    try Data("localhost slots=1\n".utf8).write(to: folder.file("hosts"))
    let own = try launch(
      ["-n", "1", "--hostfile", folder.file("hosts").path, "--dry-run", "--", "ls"], in: Self.slurm, with: folder)
    XCTAssertTrue(own.output.contains("--hostfile"), own.output + own.errors)
    XCTAssertTrue(own.errors.contains("1 ranks × ") && own.errors.contains(" on 1 host(s)"), own.errors)
  }

  func testMoreThanWasGrantedIsOneLine() throws {
    for (options, line) in [
      (["-n", "4", "--threads", "8"], "2 ranks × 8 threads a host are more than the 12 CPUs that Slurm granted"),
      (["-n", "40"], "20 ranks × 1 threads a host are more than the 12 CPUs that Slurm granted"),
    ] {
      let outcome = try launch(options + ["--dry-run", "--", "ls"], in: Self.slurm, with: standIns())
      XCTAssertEqual(outcome.status, 1)
      XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
      XCTAssertTrue(outcome.errors.contains(line), outcome.errors)
      XCTAssertTrue(outcome.errors.contains("SLURM_CPUS_PER_TASK=6"), outcome.errors)
    }
    let nonsense = try launch(["--", "ls"], in: Self.slurm.merging(["SLURM_NTASKS": "many"]) { $1 }, with: standIns())
    XCTAssertEqual(nonsense.status, 1)
    XCTAssertEqual(nonsense.errorLines.count, 1, nonsense.errors)
    XCTAssertTrue(nonsense.errors.contains("SLURM_NTASKS is 'many', no number"), nonsense.errors)
  }

  func testHostsOfPBSAreThoseOfItsFile() throws {
    let folder = try standIns()
    try Data("far1\nfar1\nfar2\nfar2\n".utf8).write(to: folder.file("nodes"))
    let job = ["PBS_NODEFILE": folder.file("nodes").path]
    let outcome = try launch(["--dry-run", "--", "ls"], in: job, with: folder)
    XCTAssertTrue(outcome.output.hasPrefix("mpirun -n 4 "), outcome.output + outcome.errors)
    XCTAssertTrue(outcome.output.contains(#" --host far1:2\,far2:2 "#), outcome.output)
    XCTAssertTrue(outcome.output.contains(" --map-by ppr:1:numa:PE=8 "), outcome.output)
    let more = try launch(["--threads", "9", "--", "ls"], in: job, with: folder)
    XCTAssertEqual(more.status, 1)
    XCTAssertTrue(
      more.errors.contains("2 ranks × 9 threads a host are more than the 16 CPUs that PBS granted"), more.errors)
    try FileManager.default.removeItem(at: folder.file("nodes"))
    let gone = try launch(["--", "ls"], in: job, with: folder)
    XCTAssertEqual(gone.errorLines.count, 1, gone.errors)
    XCTAssertTrue(gone.errors.contains("which cannot be read"), gone.errors)
  }

  /// Where mpirun reaches no host: Slurm's own way to them, or ssh's.
  func testHostsAreAskedBySrunAndBySSHToo() throws {
    let deaf = "case \"$*\" in *ppr:1:node*) exit 1 ;; esac; echo \"mpirun $*\""
    let srun = try standIns(["mpirun": deaf, "srun": "[[ $* == *--nodes=2* ]] && \(Self.host)"])
    let asked = try launch(["--dry-run", "--", "ls"], in: Self.slurm, with: srun)
    XCTAssertTrue(asked.errors.contains("on 2 host(s) of 16 cores"), asked.errors)
    // The question comes on standard input; far2 has fewer cores.
    let answer =
      "grep -q palier-host && case \"$*\" in *far1*) echo palier-host 16 2 no ;; *) echo palier-host 8 2 no ;; esac"
    let ssh = try standIns(["mpirun": deaf, "ssh": answer])
    try Data("far1\nfar2\n".utf8).write(to: ssh.file("nodes"))
    let told = try launch(["--dry-run", "--", "ls"], in: ["PBS_NODEFILE": ssh.file("nodes").path], with: ssh)
    XCTAssertTrue(told.errors.contains("the hosts have from 8 to 16 cores"), told.errors)
  }

  func testTheBatchScriptHandsItsOptionsOnAndGoesBackIntoTheQueue() throws {
    let requeue = "case $1 in show) printf 'far1\\nfar2\\n' ;; *) echo \"scontrol $*\" ;; esac"
    let mpirun = "case \"$*\" in *ppr:1:node*) \(Self.host) ;; *) echo \"mpirun $*\"; exit 75 ;; esac"
    // Stands in for palier, which an earlier installation may have put into PATH.
    let folder = try standIns(["scontrol": requeue, "mpirun": mpirun, "palier": "exit 1"])
    // sbatch itself: a copy of the script, started in the folder of the submission.
    let job = Self.slurm.merging(["SLURM_SUBMIT_DIR": SharedFolder.packageRoot.path, "SLURM_RESTART_COUNT": "1"]) { $1 }
    let outcome = try launch(
      ["--threads", "2", "my.yaml", "batch.size=8"], in: job, with: folder, script: "slurm.sbatch")
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("mpirun -n 4 "), outcome.output + outcome.errors)
    XCTAssertTrue(outcome.output.contains("OMP_NUM_THREADS=2"), outcome.output)
    XCTAssertTrue(outcome.output.contains("palier train my.yaml --set batch.size=8 --resume"), outcome.output)
    XCTAssertTrue(outcome.output.contains("scontrol requeue 7"), outcome.output)
  }

  /// From `sbatch` to the end, with a stand-in of Slurm alone: the job is told of its time limit, saves, goes back into the queue
  /// and ends with the bits of a run that was never stopped.
  func testAJobThatRunsOutOfTimeGoesOnAfterItsRequeue() throws {
    let folder = try TemporaryFolder()
    let output = folder.url.appendingPathComponent("out")
    let config = try DemoData.configuration(output: output)
    // The checkpoint that the stand-in waits for stays until it has looked.
    let settings = [
      "budget.total_steps=120", "checkpoints.every_steps=2", "checkpoints.keep_last=60",
      "compute.allow_oversubscription=true",
    ]
    let log = folder.file("job.log").path
    let outcome = try MPIRun(
      command: [
        SharedFolder.packageRoot.appendingPathComponent("Tests/Hosts/slurm/sbatch").path, "--nodes=1",
        "--ntasks-per-node=2", "--cpus-per-task", "1", "--output=\(log)", "\(Self.launch)/slurm.sbatch", config,
      ] + settings,
      environment: ["SLURM_STANDIN_SIGNAL_AT": output.appendingPathComponent("checkpoints/step-000006").path],
      timeout: 180
    ).wait()
    let words = try String(contentsOfFile: log, encoding: .utf8)
    XCTAssertEqual(outcome.status, 0, outcome.errors + words)
    for line in [
      "start 1, nodes: localhost", "stopped by SIGUSR1", "back into the queue", "start 2,", "resuming at step ",
    ] {
      XCTAssertTrue(words.contains(line), "\(line): \(words)")
    }
    let whole = folder.url.appendingPathComponent("whole")
    let options = settings.flatMap { ["--set", $0] } + ["--set", "output=\(whole.path)"]
    try Program.succeed(["train", config] + options)
    let model = "checkpoints/step-000120/model.safetensors"
    XCTAssertEqual(
      try Data(contentsOf: output.appendingPathComponent(model)),
      try Data(contentsOf: whole.appendingPathComponent(model)))
  }
}
