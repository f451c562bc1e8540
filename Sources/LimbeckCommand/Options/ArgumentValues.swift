public import ArgumentParser
public import ModelFiles
public import ModelTraining
public import TensorCore
public import Tokenization

extension CountedTokens: ExpressibleByArgument {}
extension LearningRateDecay: ExpressibleByArgument {}
extension SequencePacking.Cuts: ExpressibleByArgument {}
extension ProductPrecision: ExpressibleByArgument {}
extension MatrixBackendKind: ExpressibleByArgument {}
extension CachePrecision: ExpressibleByArgument {}
extension WeightType: ExpressibleByArgument {}
extension GGUFWeightType: ExpressibleByArgument {
  /// From its name, which llama.cpp writes in capitals, too.
  public init?(argument: String) { self.init(rawValue: argument.lowercased()) }
}
extension QuantisedWeights: ExpressibleByArgument {
  /// From its name, which llama.cpp writes in capitals, too.
  public init?(argument: String) { self.init(rawValue: argument.lowercased()) }
}
