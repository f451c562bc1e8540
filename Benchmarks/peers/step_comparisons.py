"""Training steps: StepTimer beside pytorch_step.py on the same weights and ids."""

import machine
import processes
from comparison import Comparison, Figure, Measurement, Side
from processes import Failure
from shapes import SHAPES

# Ours, by the flags of StepTimer.
PRECISIONS = {"float32": [], "bf16 teacher": ["--teacher-precision", "bf16"], "bf16": ["--precision", "bf16"]}

# Relative difference of a step's loss; a step lowers the loss by about 1e-2. Float32: both round to 24 bits, in other
# orders.
# Bf16 rounds each factor with an error of up to 2^-9 = 2e-3, of which 3e-5 is left in a mean over thousands of tokens.
FLOAT32_TOLERANCE = 1e-4
BF16_TOLERANCE = 5e-4


def step_measurement(command):
    run = processes.run(command).json()
    return Measurement(run["tokens_per_second"], run["peak_resident_mib"], run)


def is_bf16(run):
    keys = ("precision", "teacher_precision", "dtype")
    return any(run.result.get(key) in ("bf16", "bfloat16") for key in keys)


def losses_agree(ours, peers):
    """Against every peer, step by step."""
    worst = 0.0
    for name, peer in peers.items():
        pairs = zip(ours.result["losses"], peer.result["losses"], strict=True)
        differences = [abs(mine - theirs) / abs(theirs) for mine, theirs in pairs]
        tolerance = BF16_TOLERANCE if is_bf16(ours) or is_bf16(peer) else FLOAT32_TOLERANCE
        # not "any above", which NaN never is
        if not all(difference <= tolerance for difference in differences):
            raise Failure(f"losses differ from those of {name} by {differences}, relatively; {tolerance:.0e} is allowed")
        worst = max(worst, *differences)
    return f"losses to {worst:.0e}"


class StepComparisons:
    def __init__(self, programs, inputs, registers, options):
        self.programs, self.inputs, self.registers, self.options = programs, inputs, registers, options

    def limit(self, flags, shape):
        """Tokens/s of nothing but the step's products, at the rates of registers alone."""
        settings = dict(zip(flags[::2], flags[1::2], strict=True))
        precision = settings.get("--precision", "float32")
        frozen, trained = SHAPES[shape].least_gflop(settings.get("--objective", "distillation"))
        seconds = [
            self.registers.seconds(frozen, settings.get("--teacher-precision", precision)),
            self.registers.seconds(trained, precision),
        ]
        return None if None in seconds else SHAPES[shape].tokens() / sum(seconds)

    def ours(self, name, *flags, shape="reference", threads=None):
        def measure():
            return step_measurement(
                [self.programs / "StepTimer", self.inputs.steps(shape), "--steps", self.options.steps]
                + ["--threads", threads or self.options.threads, *flags]
            )

        return Side(name, measure, lambda: self.limit(flags, shape))

    def of_each_precision(self, objective, shape):
        """Ours in every precision that the objective has: there is a teacher only in distillation."""
        return [
            self.ours(name, *own, "--objective", objective, shape=shape)
            for name, own in PRECISIONS.items()
            if objective == "distillation" or "--teacher-precision" not in own
        ]

    def pytorch(self, name, *flags):
        def measure():
            return step_measurement(
                [self.inputs.python, self.inputs.script("pytorch_step.py"), "--steps", self.options.steps]
                + ["--threads", self.options.threads, *flags]
            )

        return Side(f"PyTorch {name}", measure)

    def all(self):
        speed, bf16 = "tokens/s", ("--dtype", "bfloat16")
        blocks = ("--compile", "--blocks", "256")
        step = "distillation step, V = 32,000"
        memory = Figure("MiB", "≤ 512 MiB", "peak memory", lambda run: run.memory, smaller_is_better=True)

        def reference(key, name, aim, *flags, more=()):
            ours = [self.ours(precision, *own) for precision, own in PRECISIONS.items()]
            figures = [Figure(speed, aim), *more]
            return Comparison(key, step, ours, [self.pytorch(name, *flags)], figures, losses_agree)

        def better_of_both(key, title, aim, *flags, objective):
            shape = ("--shape", "small", "--objective", objective)
            peers = [
                self.pytorch("float32, compile", "--compile", *shape),
                self.pytorch("bf16, compile", "--compile", *bf16, *shape),
            ]
            ours = self.of_each_precision(objective, "small")
            return Comparison(key, title, ours, peers, [Figure(speed, aim)], losses_agree)

        return [
            reference("step-compile", "float32, compile", "≥ 3.5", "--compile", more=[memory]),
            reference("step-compile-bf16", "bf16, compile", "≥ 2.5", "--compile", *bf16),
            reference("step-blocks-bf16", "bf16, blocks of 256, compile", "≥ 1.8; 2.8 in bf16", *blocks, *bf16),
            reference("step-blocks", "float32, blocks of 256, compile", "≥ 2.8", *blocks),
            reference("step-eager", "float32, eager", "≥ 8"),
            Comparison(
                "step-bf16",
                step,
                [self.ours(name, *own) for name, own in PRECISIONS.items() if own],
                [self.ours("Limbeck float32")],
                [Figure(speed, "≥ 1.5")],
                losses_agree,
            ),
            self.arithmetic_rate(),
            self.products_alone("step-products", "reference"),
            Comparison(
                "step-threads",
                step,
                [self.ours(f"{self.options.threads} threads")],
                [self.ours("1 thread", threads=1)],
                [Figure(speed, "≥ 1.85 with 2 threads")],
                losses_agree,
            ),
            better_of_both("small-step", "distillation step, V = 4,096", "≥ 3", objective="distillation"),
            self.products_alone("small-step-products", "small"),
            better_of_both("language-model", "training step of that teacher", "≥ 2", objective="language-model"),
            self.products_alone("language-model-products", "small", "language-model"),
            self.backends("float32", step),
            self.backends("bf16", step),
        ]

    def backends(self, precision, title):
        """The same step by each of Limbeck's backends that this machine has, beside OpenBLAS; plain loops take minutes."""
        limbeck = self.options.limbeck
        states = machine.backends(limbeck) if limbeck else {}
        own = [name for name, state in states.items() if name not in ("openblas", "reference") and machine.has(state)]

        def side(name):
            return self.ours(f"{name}, {precision}", "--backend", name, *PRECISIONS[precision])

        figures = [Figure("tokens/s")]
        return Comparison(
            f"backends-{precision}", title, [side(name) for name in own], [side("openblas")], figures, losses_agree
        )

    def products_alone(self, key, shape, objective="distillation"):
        """A whole step beside the products of its linear maps and heads, and nothing else, by PyTorch's libraries."""

        def side(dtype):
            def measure():
                run = processes.run(
                    [self.inputs.python, self.inputs.script("pytorch_products.py"), "--shape", shape]
                    + ["--objective", objective, "--dtype", dtype, "--threads", self.options.threads]
                ).json()
                return Measurement(run["tokens_per_second"], result=run)

            return Side(f"PyTorch {dtype}, the products of maps and heads alone", measure)

        ours = self.of_each_precision(objective, shape)
        peers = [side("float32"), side("bfloat16")]
        title = f"{objective.replace('-', ' ')} step, V = {SHAPES[shape].vocabulary:,}"
        return Comparison(key, title, ours, peers, [Figure("tokens/s")])

    def arithmetic_rate(self):
        """The step's products per second beside one large product's; what the step does besides counts against it."""
        work = SHAPES["reference"].distillation_gflop()

        def step():
            run = self.ours("").measure()
            return run._replace(value=work * run.value / run.result["tokens_per_step"])

        def product():
            command = [self.inputs.python, self.inputs.script("matrix_rate.py"), "--threads", self.options.threads]
            run = processes.run(command, OPENBLAS_NUM_THREADS=str(self.options.threads)).json()
            return Measurement(run["gflop_per_second"], result=run)

        def which(ours, peers):
            rates = next(iter(peers.values())).result["rates"]
            return "not compared; " + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())

        title = f"distillation step, V = 32,000, {work:.1f} GFLOP of linear maps and heads"
        peers = [Side("one product of 2,048³", product)]
        ours = Side("float32", step, lambda: self.registers.rates.get("float32"))
        return Comparison("step-rate", title, [ours], peers, [Figure("GFLOP/s", "≥ 0.75")], which)
