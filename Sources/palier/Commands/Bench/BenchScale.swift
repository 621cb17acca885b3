import ArgumentParser
import Base
import Encoder
import Foundation
import Measurement
import Ranks

/// `palier bench scale`: what a step would take on more hosts than there are.
struct BenchScale: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Predict the time of a step on more hosts, and say where they stop paying.",
    discussion: """
      Times the parts of a step here, without communication, and computes what a ring over a link of that rate adds: one rank a \
      host, hosts like this one, slices dealt evenly. Under launch/mpirun all ranks are timed at once, and the slowest counts.

      Examples:
        palier bench scale --ranks 1..64 --link 1gbit,10gbit,100gbit
        palier bench scale --ranks 2,4,6 --link 10gbit --sequences 96 --latency-us 20
      """)
  @OptionGroup var step: StepOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Ranks: 1..64 doubles from 1 to 64; or numbers, separated by commas.") var ranks = "1..64"
  @Option(help: "Links between the hosts, separated by commas: a number with mbit or gbit.")
  var link = "1gbit,10gbit,100gbit"
  @Option(help: "Microseconds of a message beside its bytes; default: 50, from 25 Gbit/s on 10.") var latencyUs: Double?

  func validate() throws {
    guard !counts.isEmpty else {
      throw ValidationError("--ranks \(ranks) is neither 1..64 nor numbers from 1 to 65536, separated by commas")
    }
    if let latencyUs, !(latencyUs >= 0 && latencyUs <= 1e6) {
      throw ValidationError("--latency-us \(latencyUs) is not from 0 to 1000000")
    }
    for word in words(link) where Link(parsing: word) == nil {
      throw ValidationError("--link \(word) is no rate such as 100mbit, 1gbit or 2.5gbit")
    }
  }

  private func words(_ text: String) -> [String] {
    text.split(separator: ",").map { String($0.filter { $0 != " " }) }
  }

  /// The numbers of ranks asked for, ascending; empty where the text is none.
  private var counts: [Int] {
    let ends = ranks.components(separatedBy: "..").map { Int($0) ?? 0 }
    if ends.count == 2 {
      guard (1...65_536).contains(ends[0]), ends[0] <= ends[1], ends[1] <= 65_536 else { return [] }
      return Array(sequence(first: ends[0]) { 2 * $0 <= ends[1] ? 2 * $0 : nil })
    }
    let numbers = words(ranks).map { Int($0) ?? 0 }
    return numbers.allSatisfy { (1...65_536).contains($0) } ? Array(Set(numbers)).sorted() : []
  }

  func run() throws {
    try options.run { world in
      let setting = try world.agree { try step.setting() }
      let prediction = try ScalePrediction.measure(setting, world: world)
      let links = words(link).compactMap { Link(parsing: $0, latency: latencyUs.map { $0 * 1e-6 }) }
      if world.isLeader { show(prediction, links, setting) }
      return figures(prediction, links)
    }
  }

  private func show(_ p: ScalePrediction, _ links: [Link], _ setting: StepBenchmark.Setting) {
    let elements = p.profile.buckets.reduce(0) { $0 + $1.elementCount }
    print(
      "step of \(step.model.scheme), \(step.sequences) sequences of \(step.lengths) tokens in \(p.costs.count) slices, reduction "
        + "\(step.reduction.rawValue): \(figure(Double(elements * p.elementByteCount) / 1e6)) MB of sums")
    let slices = Double(p.costs.reduce(0, +)) * p.profile.secondsPerCost
    print(
      "  measured here, seconds: \(figure(p.profile.preparation)) before the slices, \(figure(slices)) for all slices on one "
        + "rank, \(figure(p.profile.update)) for the update")
    print("  GB/s of one thread: \(figure(p.host.added / 1e9)) added, \(figure(p.host.moved / 1e9)) through a socket")
    for link in links {
      let (rate, delay) = (figure(link.bytesPerSecond / 1e6), figure(link.latency * 1e6))
      print("\n  \(link.name): \(rate) MB/s of messages, \(delay) µs each")
      for line in table(p, link).lines { print("    " + line) }
      print("    " + verdict(p, link))
    }
  }

  private func table(_ p: ScalePrediction, _ link: Link) -> TextTable {
    var table = TextTable(
      ["ranks", "seconds", "tokens/s", "times one rank", "efficiency", "waits, s", "hidden"],
      right: Set(0...6))
    let alone = p.step(ranks: 1, link: link).seconds
    for step in counts.map({ p.step(ranks: $0, link: link) }) {
      let times = alone / step.seconds
      table.add([
        "\(step.ranks)", figure(step.seconds), figure(Double(p.tokenCount) / step.seconds), figure(times),
        percent(times / Double(step.ranks)), figure(step.waitedSeconds), percent(step.hiddenShare),
      ])
    }
    return table
  }

  private func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }

  private func verdict(_ p: ScalePrediction, _ link: Link) -> String {
    guard let count = p.firstThatDoesNotPay(counts, link: link) else {
      return "twice as many ranks make a step at least 1.25 times as fast, at every number here"
    }
    let slices = p.costs.count <= count ? ": there are no more than \(p.costs.count) slices to deal" : ""
    return
      "it stops paying at \(counted(count, "rank")): twice as many make a step less than 1.25 times as fast\(slices)"
  }

  private func figures(_ p: ScalePrediction, _ links: [Link]) -> JSONFields {
    var fields = JSONFields()
    fields.add("scheme", step.model.scheme)
    fields.add("preparation_seconds", p.profile.preparation)
    fields.add("slice_seconds", Double(p.costs.reduce(0, +)) * p.profile.secondsPerCost)
    fields.add("update_seconds", p.profile.update)
    fields.add("added_bytes_per_second", p.host.added)
    fields.add("moved_bytes_per_second", p.host.moved)
    let steps = links.flatMap { link in counts.map { (link: link, step: p.step(ranks: $0, link: link)) } }
    fields.add("steps", objects: steps) { inner, entry in
      inner.add("link", entry.link.name)
      inner.add("ranks", entry.step.ranks)
      inner.add("seconds", entry.step.seconds)
      inner.add("tokens_per_second", Double(p.tokenCount) / entry.step.seconds)
      inner.add("waited_seconds", entry.step.waitedSeconds)
      inner.add("communication_seconds", entry.step.communicationSeconds)
    }
    return fields
  }
}
