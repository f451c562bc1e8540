/// Products of row-major matrices, cut into tiles for the workers, each computed by the device's backend.
///
/// The tiles depend on the shapes alone, so every number of threads computes the same bits.
enum MatrixProduct {
  /// c[M, O] = x[M, I] · wᵀ, w[O, I], or += where `adds`.
  static func timesTransposed(
    _ c: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ w: WeightMatrix, rows: Int, adds: Bool,
    precision: ProductPrecision, on device: Device
  ) {
    let (outputs, inputs) = (w.shape[0], w.shape[1])
    let left = MatrixView(x, stride: inputs)
    if packs(precision, isKept: w.isConstant, work: rows * outputs * inputs, on: device) {
      return multiplyPacked(
        into: c, adds: adds, left, w.packedTransposed(on: device), m: rows, n: outputs, k: inputs, on: device)
    }
    let grid = Grid(rows: rows, columns: outputs, work: inputs, isCut: device.cutsWork)
    // of as many rows as w has, or more, each tile would convert all of it; once, it takes no more memory than they do
    let weight = rows >= outputs ? .dense(w.dense(on: device)) : w
    let factor = WeightFactor(weight, rows: rows, widest: grid.widest, on: device)
    device.parallel(grid.count) { tile, worker in
      let (rows, columns) = grid[tile]
      factor.multiply(
        into: c + rows.lowerBound * outputs + columns.lowerBound, stride: outputs, adds: adds,
        left.from(row: rows.lowerBound), m: rows.count, outputs: columns, precision: precision, worker: worker)
    }
  }

  /// c[M, I] = d[M, O] · w, w[O, I], or += where `adds`. What is kept in other types than float32 is converted some
  /// rows at a time: no more of it is there at once, however large it is.
  static func times(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ w: WeightMatrix, rows: Int, adds: Bool,
    precision: ProductPrecision, on device: Device
  ) {
    let (outputs, inputs) = (w.shape[0], w.shape[1])
    func add(_ rowsOfW: UnsafeMutablePointer<Float>, _ part: Range<Int>) {
      multiply(
        into: c, adds: adds || part.lowerBound > 0, MatrixView(d + part.lowerBound, stride: outputs),
        MatrixView(rowsOfW, stride: inputs), m: rows, n: inputs, k: part.count, precision, on: device)
    }
    switch w {
    case .dense(let tensor):
      add(tensor.pointer, 0..<outputs)
      withExtendedLifetime(tensor) {}
    case .encoded(let matrix):
      let together = min(outputs, max(1, convertedTogether / inputs))
      let converted = Tensor(uninitialized: [together, inputs], on: device)
      for start in stride(from: 0, to: outputs, by: together) {
        let part = start..<min(outputs, start + together)
        matrix.decode(part, into: converted.pointer, on: device)
        add(converted.pointer, part)
      }
    }
  }

  /// Weights that are converted at a time, about: 4 MiB of float32.
  private static let convertedTogether = 1 << 20

  /// c[O, I] = dᵀ · x, d[M, O], x[M, I], or += where `adds`; M ≥ 1.
  static func transposedTimes(
    _ c: UnsafeMutablePointer<Float>, _ d: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    rows: Int, outputs: Int, inputs: Int, adds: Bool, precision: ProductPrecision, on device: Device
  ) {
    multiply(
      into: c, adds: adds, MatrixView(d, stride: outputs).transposed, MatrixView(x, stride: inputs), m: outputs,
      n: inputs, k: rows, precision, on: device)
  }

  /// c[m, n] = a · b, or +=, with rows of c one after another.
  private static func multiply(
    into c: UnsafeMutablePointer<Float>, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int, k: Int,
    _ precision: ProductPrecision, on device: Device
  ) {
    if packs(precision, isKept: false, work: m * n * k, on: device) {
      let factor = PackedFactor(b, k: k, n: n, on: device)
      return multiplyPacked(into: c, adds: adds, a, factor, m: m, n: n, k: k, on: device)
    }
    let backend = device.backend
    let scratch = WorkerScratch(backend.scratchCount, on: device)
    let grid = Grid(rows: m, columns: n, work: k, isCut: device.cutsWork)
    device.parallel(grid.count) { tile, worker in
      let (rows, columns) = grid[tile]
      backend.product(
        into: c + rows.lowerBound * n + columns.lowerBound, stride: n, adds: adds, a.from(row: rows.lowerBound),
        b.from(column: columns.lowerBound), m: rows.count, n: columns.count, k: k, precision: precision,
        scratch: scratch[worker])
    }
  }

  /// Whether the right factor of a product is rounded and packed before: where that pays, also for the first product
  /// where it `isKept` for others.
  private static func packs(_ precision: ProductPrecision, isKept: Bool, work: Int, on device: Device) -> Bool {
    precision == .bfloat16 && device.backend.packsBFloat16 && (isKept || work >= 1 << 21)
  }

  /// As `multiply` in bfloat16, with b rounded and packed once for all tiles: rows, or columns of b where rows are few.
  private static func multiplyPacked(
    into c: UnsafeMutablePointer<Float>, adds: Bool, _ a: MatrixView, _ factor: PackedFactor, m: Int, n: Int, k: Int,
    on device: Device
  ) {
    let scratch = WorkerScratch(device.backend.scratchCount, on: device)
    let grid = Grid(rows: m, packedColumns: n, work: k, isCut: device.cutsWork)
    device.parallel(grid.count) { tile, worker in
      let (rows, columns) = grid[tile]
      BFloat16Product.multiply(
        into: c + rows.lowerBound * n + columns.lowerBound, stride: n, adds: adds,
        LeftFactor(a.from(row: rows.lowerBound)), factor.from(column: columns.lowerBound), m: rows.count,
        n: columns.count, k: k, scratch: scratch[worker])
    }
  }

  /// A result matrix cut into tiles that are worth a worker's while, of its rows or of its columns.
  private struct Grid {
    private let rows: Int
    private let columns: Int
    private let cutsRows: Bool
    private let parts: Parts

    /// `work` is the length of each inner product; it stays one tile unless it `isCut`. The more of rows and columns
    /// are cut.
    init(rows: Int, columns: Int, work: Int, isCut: Bool) {
      self.rows = rows
      self.columns = columns
      cutsRows = rows >= columns
      let most = isCut ? Self.tiles(rows: rows, columns: columns, work: work) : 1
      parts = Parts(of: max(rows, columns), inBlocksOf: 16, most: most)
    }

    /// As above, of a right factor that is packed already: rows are cut where there are many, so that each tile's left
    /// factor stays in cache, and else panels of the right factor, which then is read once.
    init(rows: Int, packedColumns columns: Int, work: Int, isCut: Bool) {
      self.rows = rows
      self.columns = columns
      cutsRows = rows >= 64
      let most = cutsRows ? 8 : Self.tiles(rows: rows, columns: columns, work: work)
      parts = Parts(
        of: cutsRows ? rows : columns, inBlocksOf: cutsRows ? 16 : PackedFactor.panel, most: isCut ? most : 1)
    }

    /// Few tiles, for each packs the operand it shares with the others anew; but no fewer than keep some workers busy,
    /// unless handing a tile out costs more than computing it.
    private static func tiles(rows: Int, columns: Int, work: Int) -> Int {
      // rows that are few run at the speed of memory, in the time of about 16
      switch max(16, rows) * columns * max(1, work) {
      case ..<(1 << 18): 1
      case ..<(1 << 21): 2
      case ..<(1 << 27): 4
      default: 8
      }
    }

    var count: Int { parts.count }

    /// The most columns of a tile.
    var widest: Int { cutsRows || count == 0 ? columns : parts[0].count }

    subscript(tile: Int) -> (rows: Range<Int>, columns: Range<Int>) {
      cutsRows ? (parts[tile], 0..<columns) : (0..<rows, parts[tile])
    }
  }

  /// Rows or columns in parts of whole blocks, as equal as these allow, the larger ones first, so that no thread waits
  /// for the last one: where they take turns, two threads would each get those of one size.
  private struct Parts {
    private let length: Int
    private let block: Int
    private let blocks: Int
    let count: Int

    init(of length: Int, inBlocksOf block: Int, most: Int) {
      self.length = length
      self.block = block
      blocks = (length + block - 1) / block
      count = min(most, blocks)
    }

    subscript(part: Int) -> Range<Int> { start(of: part)..<start(of: part + 1) }

    private func start(of part: Int) -> Int {
      let (each, larger) = blocks.quotientAndRemainder(dividingBy: count)
      return min(length, (part * each + min(part, larger)) * block)
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
