import Ranks
import XCTest

final class LaunchDiagnosisTests: XCTestCase {
  func testSeparateSlurmTasksAreFound() {
    let environment = ["SLURM_NTASKS": "4", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"]
    XCTAssertEqual(
      LaunchDiagnosis.find(environment: environment, worldCount: 1), .separateSlurmTasks(taskCount: 4, worldCount: 1))
    XCTAssertNil(LaunchDiagnosis.find(environment: environment, worldCount: 4))
  }

  func testABatchScriptWithoutLauncherIsFound() {
    XCTAssertEqual(
      LaunchDiagnosis.find(environment: ["SLURM_NTASKS": "8"], worldCount: 1), .batchScriptWithoutLauncher(taskCount: 8)
    )
  }

  func testAnotherLaunchersCountIsFound() {
    for variable in ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"] {
      XCTAssertEqual(
        LaunchDiagnosis.find(environment: [variable: "2"], worldCount: 1),
        .otherLauncher(variable: variable, announced: 2, worldCount: 1))
    }
  }

  func testRightWorldsPass() {
    XCTAssertNil(LaunchDiagnosis.find(environment: [:], worldCount: 1))
    XCTAssertNil(LaunchDiagnosis.find(environment: ["OMPI_COMM_WORLD_SIZE": "1", "SLURM_NTASKS": "8"], worldCount: 1))
    XCTAssertNil(LaunchDiagnosis.find(environment: ["OMPI_COMM_WORLD_SIZE": "4", "PMI_SIZE": "2"], worldCount: 4))
    for odd in ["", "zero", "-1", "0", "99999999999999999999"] {
      XCTAssertNil(LaunchDiagnosis.find(environment: ["SLURM_NTASKS": odd, "PMI_SIZE": odd], worldCount: 1), odd)
    }
  }
}
