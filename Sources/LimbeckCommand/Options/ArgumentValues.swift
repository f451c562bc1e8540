public import ArgumentParser
public import ModelTraining
public import Tokenization

extension LearningRateDecay: ExpressibleByArgument {}
extension TokenizerTrainingOptions.Algorithm: ExpressibleByArgument {}
