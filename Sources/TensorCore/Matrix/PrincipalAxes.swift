import COpenBLAS
import Diagnostics

/// The eigenvectors of a symmetric matrix that belong to its largest eigenvalues, by OpenBLAS' LAPACK.
public struct PrincipalAxes: Sendable {
  /// The eigenvalues, the largest first.
  public let values: [Double]
  /// The eigenvectors, orthonormal, in the same order [count][n].
  public let vectors: [[Double]]

  /// - Parameters:
  ///   - matrix: row by row, symmetric [n, n].
  ///   - count: how many eigenvectors, from 1 to n.
  /// - Throws: `missingOpenBLAS`, also where OpenBLAS has no LAPACK; `value` for elements that are not finite.
  public init(of matrix: [Double], count: Int) throws(MatrixBackendError) {
    let size = Int(Double(matrix.count).squareRoot())
    precondition(size * size == matrix.count && (1...size).contains(count), "\(count) axes of \(matrix.count) elements")
    // LAPACK may not come to an end
    if let element = matrix.first(where: { !$0.isFinite }) {
      throw .value(InvalidValue("products of states", expected: "finite numbers", found: "\(element)"))
    }
    if let reason = limbeck_openblas_load() { throw .missingOpenBLAS(reason: String(cString: reason)) }
    var (matrix, values) = (matrix, [Double](repeating: 0, count: size))
    var vectors = [Double](repeating: 0, count: size * count)
    // the arrays have the sizes that the function demands, and nobody else sees them
    if let reason = limbeck_openblas_eigenvectors(&matrix, size, count, &values, &vectors) {
      throw .missingOpenBLAS(reason: String(cString: reason))
    }
    self.values = values[..<count].reversed()
    self.vectors = (0..<count).reversed().map { Array(vectors[$0 * size..<($0 + 1) * size]) }
  }
}
