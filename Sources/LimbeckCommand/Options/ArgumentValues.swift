public import ArgumentParser
public import ModelFiles
public import ModelTraining
public import TensorCore
public import Tokenization

extension LearningRateDecay: ExpressibleByArgument {}
extension TokenizerTrainingOptions.Algorithm: ExpressibleByArgument {}
extension ProductPrecision: ExpressibleByArgument {}
extension CachePrecision: ExpressibleByArgument {}
extension WeightType: ExpressibleByArgument {}
