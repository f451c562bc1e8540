import Distillation
import DurableFiles
import ModelFiles
import ModelTraining

/// Whether a training ended because a disk did not take a file.
func isRefusalOfDisk(_ error: any Error) -> Bool {
  switch error {
  case FileError.unwritable: true
  case ModelFileError.file(let error): isRefusalOfDisk(error)
  case TrainingError.file(let error): isRefusalOfDisk(error)
  case TrainingError.model(let error): isRefusalOfDisk(error)
  case TeacherCacheError.file(let error): isRefusalOfDisk(error)
  case DistillationError.training(let error): isRefusalOfDisk(error)
  case DistillationError.cache(let error): isRefusalOfDisk(error)
  default: false
  }
}
