public import ArgumentParser
public import Checkpoints
public import ModelTraining
public import TensorCore

extension LearningRateDecay: ExpressibleByArgument {}
extension ProductPrecision: ExpressibleByArgument {}
extension CachePrecision: ExpressibleByArgument {}
extension WeightType: ExpressibleByArgument {}
