public import ArgumentParser
public import ModelTraining
public import TensorCore

extension LearningRateDecay: ExpressibleByArgument {}
extension SequencePacking.Cuts: ExpressibleByArgument {}
extension ProductPrecision: ExpressibleByArgument {}
extension MatrixBackendKind: ExpressibleByArgument {}
extension CachePrecision: ExpressibleByArgument {}
extension WeightType: ExpressibleByArgument {}
