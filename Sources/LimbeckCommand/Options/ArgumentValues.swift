public import ArgumentParser
public import Checkpoints
public import ModelTraining
public import Tokenization

extension LearningRateDecay: ExpressibleByArgument {}
extension TokenizerTrainingOptions.Algorithm: ExpressibleByArgument {}
extension WeightType: ExpressibleByArgument {}
