// `import Limbeck` gives the whole library: every module's public names.
@_exported public import Diagnostics
@_exported public import Distillation
@_exported public import DistillationReport
@_exported public import DurableFiles
@_exported public import Foundation
@_exported public import GGUF
@_exported public import LanguageModels
@_exported public import ModelEvaluation
@_exported public import ModelFiles
@_exported public import ModelTraining
@_exported public import TensorCore
@_exported public import TextGeneration
@_exported public import Tokenization
