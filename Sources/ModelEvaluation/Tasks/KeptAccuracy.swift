/// How much of its teacher's accuracy a student keeps.
public struct KeptAccuracy: Sendable, Equatable, Codable {
  /// What the task is called; nil for all tasks together, of which each counts the same.
  public var task: String?
  /// What counts as right; nil for all tasks together, of each of which it is the first.
  public var metric: AnswerMetric?
  /// The student's accuracy divided by the teacher's: 1 keeps all. Its standard error is that of a ratio of means over
  /// the same questions, to first order (Cochran 1977, §2.11). nil where the teacher has no right answer.
  public var share: Estimate?
  /// The teacher's accuracy; the mean over all tasks where there is no single one.
  public var teacher: Double
  /// The student's.
  public var student: Double
  /// Whether the teacher is surely better than guessing: by more than two standard errors. Where it is not, to keep its
  /// accuracy is to keep nothing.
  public var isTeacherAboveGuessing: Bool

  /// Whether sentences name it: the first metric of a task, and all tasks together.
  public var isNamed: Bool { metric.map { $0 == .accuracy || $0 == .strictMatch } ?? true }

  /// What a student keeps: by task, for each metric, then of all tasks together where there are several.
  /// - Parameters:
  ///   - student: its results.
  ///   - teacher: those of the teacher, on the same tasks in the same order.
  /// - Returns: one value a metric of each task, then that of all tasks.
  public static func all(student: [TaskResult], teacher: [TaskResult]) -> [KeptAccuracy] {
    precondition(
      student.map(\.task) == teacher.map(\.task) && student.map(\.questions) == teacher.map(\.questions),
      "results of different tasks")
    let pairs = zip(student, teacher).map { student, teacher in
      zip(student.scores, teacher.scores).map {
        PairedAnswers(student: $0.isRight, teacher: $1.isRight, metric: $0.metric, of: teacher)
      }
    }
    let single = pairs.flatMap { $0 }.map { pair in
      KeptAccuracy([pair], task: pair.task, metric: pair.metric)
    }
    return pairs.count < 2 ? single : single + [KeptAccuracy(pairs.map { $0[0] }, task: nil, metric: nil)]
  }

  private init(_ pairs: [PairedAnswers], task: String?, metric: AnswerMetric?) {
    self.task = task
    self.metric = metric
    let count = Double(pairs.count)
    teacher = pairs.reduce(0) { $0 + $1.teacherMean } / count
    student = pairs.reduce(0) { $0 + $1.studentMean } / count
    let share = student / teacher
    let variance = pairs.reduce(0) { $0 + $1.residualVariance(of: share) } / (count * count)
    self.share = teacher > 0 ? Estimate(mean: share, standardError: variance.squareRoot() / teacher) : nil
    isTeacherAboveGuessing = pairs.allSatisfy(\.isTeacherAboveGuessing)
  }

  private enum CodingKeys: String, CodingKey {
    case task
    case metric
    case share
    case teacher
    case student
    case isTeacherAboveGuessing = "teacher_above_guessing"
  }
}

/// The answers of two models to the same questions: 1 is right, 0 is wrong.
private struct PairedAnswers {
  let task: String
  let metric: AnswerMetric
  let studentMean, teacherMean: Double
  let isTeacherAboveGuessing: Bool
  private let student, teacher: [Double]

  init(student: [Bool], teacher: [Bool], metric: AnswerMetric, of result: TaskResult) {
    self.metric = metric
    self.student = student.map { $0 ? 1 : 0 }
    self.teacher = teacher.map { $0 ? 1 : 0 }
    task = result.task
    studentMean = Estimate(of: self.student).mean
    let estimate = Estimate(of: self.teacher)
    teacherMean = estimate.mean
    isTeacherAboveGuessing = estimate.mean - (result.guessing ?? 0) > 2 * estimate.standardError
  }

  /// The variance of the mean of student − share · teacher.
  func residualVariance(of share: Double) -> Double {
    guard share.isFinite else { return 0 }
    let error = Estimate(of: zip(student, teacher).map { $0 - share * $1 }).standardError
    return error * error
  }
}
