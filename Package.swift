// swift-tools-version: 6.1
import Foundation
import PackageDescription

// One library target a room (docs/architecture.md, "Rooms"): the dependency lists below are the rule of who may know whom.
// The target CPU is a build setting of launch/build (-Xcc -march=…), not of this file.
let package = Package(
  name: "palier",
  products: [
    .executable(name: "palier", targets: ["palier"]),
    // libpalier.so, under another name since a product's name is given once (launch/build --library).
    .library(name: "PalierLibrary", type: .dynamic, targets: ["PalierLibrary"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C and C++ libraries: thin shims over Debian packages.
    .systemLibrary(
      name: "OpenMPI", path: "Sources/OpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .target(name: "COpenMPI", dependencies: ["OpenMPI"]),
    .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary(":libgomp.so.1")]),
    .target(name: "CNUMA", linkerSettings: [.linkedLibrary("numa")]),
    .target(
      name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train")]),

    // Rooms.
    .target(name: "Base", dependencies: [.product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "Compute", dependencies: ["Base", "COneDNN", "CNUMA"]),
    .target(name: "Quantization", dependencies: ["Compute"]),
    .target(name: "Encoder", dependencies: ["Base", "Compute", "Quantization"]),
    .target(
      name: "Corpus",
      dependencies: ["Base", "Compute", "CSentencePiece", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "SyntheticCorpus", dependencies: ["Base", "Compute"]),
    .target(name: "Ranks", dependencies: ["Base", "Compute", "COpenMPI"]),
    .target(name: "Checkpoints", dependencies: ["Base", "Compute", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "Observability", dependencies: ["Base"]),
    .target(
      name: "Configuration", dependencies: ["Base", "Compute", "Quantization", "Encoder", "Corpus", "Yams"]),
    .target(
      name: "Models",
      dependencies: [
        "Base", "Compute", "Quantization", "Encoder", "Corpus", "Checkpoints",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "Inference",
      dependencies: ["Base", "Compute", "Quantization", "Encoder", "Corpus", "Checkpoints", "Models"]),
    .target(name: "CPalier", dependencies: ["CNUMA"], exclude: ["palier.map"]),
    .target(
      name: "PalierLibrary",
      dependencies: ["Base", "Compute", "Quantization", "Corpus", "Models", "Inference", "CPalier"],
      // The six calls are all that others see; threads of the library outlive dlclose.
      linkerSettings: [
        .unsafeFlags([
          "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CPalier/palier.map",
          "-Xlinker", "-soname=libpalier.so", "-Xlinker", "-z", "-Xlinker", "nodelete",
        ])
      ]),
    .target(
      name: "Training",
      dependencies: [
        "Base", "Compute", "Quantization", "Encoder", "Corpus", "Ranks", "Checkpoints", "Observability",
        "Configuration", "Models",
      ]),
    .target(
      name: "Measurement",
      dependencies: [
        "Base", "Compute", "Quantization", "Encoder", "Corpus", "Ranks", "Checkpoints", "Configuration", "Models",
        "Inference", "Training",
      ]),
    .target(name: "Reports", dependencies: ["Base", "Compute", "Observability"]),
    .target(
      name: "Verification",
      dependencies: ["Base", "Compute", "Quantization", "Encoder", "Corpus", "Checkpoints", "Models", "Training"]),
    .target(
      name: "Studies",
      dependencies: [
        "Base", "Compute", "Quantization", "Corpus", "Ranks", "Checkpoints", "Observability", "Configuration",
        "Training",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .executableTarget(
      name: "palier",
      dependencies: [
        "Base", "Compute", "Quantization", "Encoder", "Corpus", "Ranks", "Checkpoints", "Observability",
        "Configuration", "Models", "Inference", "Training", "Measurement", "Reports", "Verification", "SyntheticCorpus",
        "Studies",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Tests: one folder a room, and MultiRankTests, which starts real mpirun.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .testTarget(name: "BaseTests", dependencies: ["Base", "TestSupport"]),
    .testTarget(name: "ComputeTests", dependencies: ["Base", "Compute", "TestSupport"]),
    .testTarget(name: "QuantizationTests", dependencies: ["Quantization", "TestSupport"]),
    .testTarget(name: "EncoderTests", dependencies: ["Base", "Encoder", "Verification", "TestSupport"]),
    .testTarget(
      name: "CorpusTests", dependencies: ["Base", "Corpus", "SyntheticCorpus", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(
      name: "SyntheticCorpusTests", dependencies: ["Base", "Corpus", "SyntheticCorpus", "TestSupport"]),
    .testTarget(name: "RanksTests", dependencies: ["Ranks", "Compute", "TestSupport"]),
    .executableTarget(name: "RankProbe", dependencies: ["Base", "Ranks", "Compute"], path: "Tests/RankProbe"),
    .testTarget(name: "CheckpointsTests", dependencies: ["Base", "Checkpoints", "TestSupport"]),
    .testTarget(name: "ObservabilityTests", dependencies: ["Base", "Observability", "TestSupport"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "Quantization", "TestSupport"]),
    .testTarget(name: "DocumentsTests", dependencies: ["Configuration", "TestSupport"]),
    .testTarget(
      name: "ModelsTests", dependencies: ["Base", "Models", "Training", "Verification", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "InferenceTests",
      dependencies: ["Base", "Compute", "Corpus", "Encoder", "Inference", "Models", "Quantization", "TestSupport"]),
    .testTarget(name: "ReportsTests", dependencies: ["Base", "Reports", "TestSupport"]),
    .testTarget(name: "MeasurementTests", dependencies: ["Encoder", "Measurement", "TestSupport"]),
    .testTarget(
      name: "TrainingTests", dependencies: ["Base", "Training", "Configuration", "SyntheticCorpus", "TestSupport"]),
    .testTarget(name: "StudiesTests", dependencies: ["Base", "Configuration", "Studies", "TestSupport"]),
    .testTarget(
      name: "MultiRankTests",
      dependencies: [
        "TestSupport", "RankProbe", "Checkpoints", "Configuration", "Observability", "palier",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)

// Only when asked for: its entry point is libFuzzer's own, so that an ordinary build could not link it (CONTRIBUTING).
if ProcessInfo.processInfo.environment["PALIER_LIBFUZZER"] != nil {
  package.targets.append(
    .executableTarget(
      name: "LibFuzzer",
      dependencies: ["Base", "Checkpoints", "Configuration", "Corpus", "Models", "Quantization"],
      path: "Tests/LibFuzzer", exclude: ["packed_input"],
      swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}
