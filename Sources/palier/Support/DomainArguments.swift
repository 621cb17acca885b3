import ArgumentParser
import Compute
import Configuration
import Corpus
import Encoder

// Words of the domain that options take as they are.

extension AutomaticOr: ExpressibleByArgument {}
extension BackwardArithmetic: ExpressibleByArgument {}
extension DocumentLayout: ExpressibleByArgument {}
extension GradientStore.Kind: ExpressibleByArgument {}
extension RunConfiguration.Part: ExpressibleByArgument {}
extension TaggedCorpusFormat: ExpressibleByArgument {}
extension TaggedSplitName: ExpressibleByArgument {}
extension TaggedTask: ExpressibleByArgument {}
extension TagScheme: ExpressibleByArgument {}
extension WordTokenization: ExpressibleByArgument {}
