import COpenBLAS

/// Products of row-major matrices, one piece per worker, OpenBLAS at one thread inside.
///
/// The pieces depend on the shapes alone, so every number of threads computes the same bits.
enum MatrixProduct {
  /// c[M, O] = β·c + x[M, I] · wᵀ, w[O, I]. One row is a matrix–vector product.
  static func timesTransposed(
    _ c: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
    rows: Int, inputs: Int, outputs: Int, beta: Float, on device: Device
  ) {
    if rows == 1 {
      device.parallelRanges(outputs, grain: outputsPerPiece(inputs: inputs)) { range in
        cblas_sgemv(
          CblasRowMajor, CblasNoTrans, blasint(range.count), blasint(inputs), 1, w + range.lowerBound * inputs,
          blasint(inputs), x, 1, beta, c + range.lowerBound, 1)
      }
      return
    }
    let grid = Grid(rows: rows, columns: outputs, work: inputs)
    device.parallel(grid.count) { piece, _ in
      let (m, n) = grid[piece]
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m.count), blasint(n.count), blasint(inputs), 1,
        x + m.lowerBound * inputs, blasint(inputs), w + n.lowerBound * inputs, blasint(inputs), beta,
        c + m.lowerBound * outputs + n.lowerBound, blasint(outputs))
    }
  }

  /// c[M, I] = β·c + d[M, O] · w, w[O, I].
  static func times(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
    rows: Int, outputs: Int, inputs: Int, beta: Float, on device: Device
  ) {
    let grid = Grid(rows: rows, columns: inputs, work: outputs)
    device.parallel(grid.count) { piece, _ in
      let (m, n) = grid[piece]
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(m.count), blasint(n.count), blasint(outputs), 1,
        d + m.lowerBound * outputs, blasint(outputs), w + n.lowerBound, blasint(inputs), beta,
        c + m.lowerBound * inputs + n.lowerBound, blasint(inputs))
    }
  }

  /// c[O, I] += dᵀ · x, d[M, O], x[M, I].
  static func addTransposedTimes(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    rows: Int, outputs: Int, inputs: Int, on device: Device
  ) {
    let grid = Grid(rows: outputs, columns: inputs, work: rows)
    device.parallel(grid.count) { piece, _ in
      let (m, n) = grid[piece]
      cblas_sgemm(
        CblasRowMajor, CblasTrans, CblasNoTrans, blasint(m.count), blasint(n.count), blasint(rows), 1,
        d + m.lowerBound, blasint(outputs), x + n.lowerBound, blasint(inputs), 1,
        c + m.lowerBound * inputs + n.lowerBound, blasint(inputs))
    }
  }

  private static func outputsPerPiece(inputs: Int) -> Int {
    max(16, (1 << 16) / max(1, inputs) / 16 * 16)
  }

  /// A result matrix cut into pieces that are worth a worker's while.
  private struct Grid {
    let rows: Int
    let columns: Int
    let rowGrain: Int
    let columnGrain: Int
    let columnPieces: Int

    /// `work` is the length of each inner product.
    init(rows: Int, columns: Int, work: Int) {
      self.rows = rows
      self.columns = columns
      let pieces = Self.pieces(multiplyAdds: rows * columns * max(1, work))
      if rows >= columns {
        rowGrain = Self.grain(rows, pieces)
        columnGrain = max(1, columns)
      } else {
        rowGrain = max(1, rows)
        columnGrain = Self.grain(columns, pieces)
      }
      columnPieces = (columns + columnGrain - 1) / columnGrain
    }

    /// Few pieces, for each packs the operand it shares with the others anew; but no fewer than keep some workers busy,
    /// unless handing a piece out costs more than computing it.
    private static func pieces(multiplyAdds: Int) -> Int {
      switch multiplyAdds {
      case ..<(1 << 18): 1
      case ..<(1 << 21): 2
      case ..<(1 << 27): 4
      default: 8
      }
    }

    private static func grain(_ count: Int, _ pieces: Int) -> Int {
      max(16, ((count + pieces - 1) / pieces + 15) / 16 * 16)
    }

    var count: Int { (rows + rowGrain - 1) / rowGrain * columnPieces }

    subscript(piece: Int) -> (rows: Range<Int>, columns: Range<Int>) {
      let r = piece / columnPieces * rowGrain
      let c = piece % columnPieces * columnGrain
      return (r..<min(rows, r + rowGrain), c..<min(columns, c + columnGrain))
    }
  }
}
