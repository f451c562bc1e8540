/// A matrix in memory, perhaps transposed: element (i, j) lies at `pointer[i·rowStride + j·columnStride]`, and one of
/// the strides is 1.
struct MatrixView {
  let pointer: UnsafePointer<Float>
  let rowStride: Int
  let columnStride: Int

  /// A row-major matrix whose rows lie `stride` apart.
  init(_ pointer: UnsafePointer<Float>, stride: Int) {
    self.init(pointer: pointer, rowStride: stride, columnStride: 1)
  }

  private init(pointer: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
    self.pointer = pointer
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  var transposed: MatrixView { MatrixView(pointer: pointer, rowStride: columnStride, columnStride: rowStride) }

  /// The part that begins at the given row and column.
  func from(row: Int = 0, column: Int = 0) -> MatrixView {
    MatrixView(
      pointer: pointer + row * rowStride + column * columnStride, rowStride: rowStride, columnStride: columnStride)
  }
}
