import ProgramSupport

/// What a run found, under the names that `pytorch_step.py` prints.
struct StepReport: Report {
  var objective: String
  var precision: String
  var teacherPrecision: String
  var blockTokens: Int
  var threads: Int
  var steps: Int
  var warmup: Int
  var tokensPerStep: Int
  var tokensPerSecond: Double
  var secondsPerStep: [Double]
  /// CPU time of all threads, what one waits with included.
  var cpuSecondsPerStep: [Double]
  var firstStepSeconds: Double
  var peakResidentMib: Double
  var losses: [Double]
  var gradientNorms: [Double]
  var processor: String
  var backend: String
  var matrixKernel: String
}
