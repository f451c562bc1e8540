/// Products of row-major matrices, one piece per worker, each computed by `SerialProduct`.
///
/// The pieces depend on the shapes alone, so every number of threads computes the same bits.
enum MatrixProduct {
  /// c[M, O] = x[M, I] · wᵀ, w[O, I], or += where `adds`.
  static func timesTransposed(
    _ c: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
    rows: Int, inputs: Int, outputs: Int, adds: Bool, precision: ProductPrecision, on device: Device
  ) {
    multiply(
      into: c, adds: adds, MatrixView(x, stride: inputs), MatrixView(w, stride: inputs).transposed, m: rows,
      n: outputs, k: inputs, precision, on: device)
  }

  /// c[M, I] = d[M, O] · w, w[O, I], or += where `adds`.
  static func times(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
    rows: Int, outputs: Int, inputs: Int, adds: Bool, precision: ProductPrecision, on device: Device
  ) {
    multiply(
      into: c, adds: adds, MatrixView(d, stride: outputs), MatrixView(w, stride: inputs), m: rows, n: inputs,
      k: outputs, precision, on: device)
  }

  /// c[O, I] += dᵀ · x, d[M, O], x[M, I].
  static func addTransposedTimes(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    rows: Int, outputs: Int, inputs: Int, precision: ProductPrecision, on device: Device
  ) {
    multiply(
      into: c, adds: true, MatrixView(d, stride: outputs).transposed, MatrixView(x, stride: inputs), m: outputs,
      n: inputs, k: rows, precision, on: device)
  }

  /// c[m, n] = a · b, or +=, with rows of c one after another.
  private static func multiply(
    into c: UnsafeMutablePointer<Float>, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int,
    _ precision: ProductPrecision, on device: Device
  ) {
    let scratch = WorkerScratch(SerialProduct.scratchCount, on: device)
    if precision == .bfloat16, BFloat16Product.isAvailable, m * n * k >= 1 << 21 {
      return multiplyPacked(into: c, adds: adds, a, b, m: m, n: n, k: k, scratch, on: device)
    }
    let grid = Grid(rows: m, columns: n, work: k)
    device.parallel(grid.count) { piece, worker in
      let (rows, columns) = grid[piece]
      SerialProduct.multiply(
        into: c + rows.lowerBound * n + columns.lowerBound, stride: n, adds: adds, a.from(row: rows.lowerBound),
        b.from(column: columns.lowerBound), m: rows.count, n: columns.count, k: k, precision: precision,
        scratch: scratch[worker])
    }
  }

  /// As `multiply` in bfloat16, with b rounded and packed once for all pieces, which are rows.
  private static func multiplyPacked(
    into c: UnsafeMutablePointer<Float>, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int,
    _ scratch: WorkerScratch, on device: Device
  ) {
    let factor = PackedFactor(b, k: k, n: n, on: device)
    let grain = Grid.grain(m, 8)
    device.parallel((m + grain - 1) / grain) { piece, worker in
      let first = piece * grain
      BFloat16Product.multiply(
        into: c + first * n, stride: n, adds: adds, LeftFactor(a.from(row: first)), factor.from(column: 0),
        m: min(grain, m - first), n: n, k: k, scratch: scratch[worker])
    }
  }

  /// A result matrix cut into pieces that are worth a worker's while.
  private struct Grid {
    let rows: Int
    let columns: Int
    let rowGrain: Int
    let columnGrain: Int
    let rowPieces: Int
    let columnPieces: Int

    /// `work` is the length of each inner product.
    init(rows: Int, columns: Int, work: Int) {
      self.rows = rows
      self.columns = columns
      // rows that are few run at the speed of memory, in the time of about 16
      let pieces = Self.pieces(multiplyAdds: max(16, rows) * columns * max(1, work))
      if rows >= columns {
        rowGrain = Self.grain(rows, pieces)
        columnGrain = max(1, columns)
      } else {
        rowGrain = max(1, rows)
        columnGrain = Self.grain(columns, pieces)
      }
      rowPieces = (rows + rowGrain - 1) / rowGrain
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

    static func grain(_ count: Int, _ pieces: Int) -> Int {
      max(16, ((count + pieces - 1) / pieces + 15) / 16 * 16)
    }

    var count: Int { rowPieces * columnPieces }

    subscript(piece: Int) -> (rows: Range<Int>, columns: Range<Int>) {
      let (rowPiece, columnPiece) = piece.quotientAndRemainder(dividingBy: columnPieces)
      let (r, c) = (rowPiece * rowGrain, columnPiece * columnGrain)
      return (r..<min(rows, r + rowGrain), c..<min(columns, c + columnGrain))
    }
  }
}

/// Memory with unspecified contents for each worker of a device.
struct WorkerScratch {
  private let memory: Tensor
  private let count: Int

  /// `count` floats for each worker.
  init(_ count: Int, on device: Device) {
    self.count = count
    memory = Tensor(uninitialized: [device.threads, count], on: device)
  }

  /// The memory of one worker; valid while this value lives.
  subscript(worker: Int) -> UnsafeMutablePointer<Float> { memory.pointer + worker * count }
}
