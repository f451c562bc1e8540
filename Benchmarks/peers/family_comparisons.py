"""Every family beside Llama of the same size, and beside PyTorch: training steps and generation."""

from comparison import Comparison, Figure, Side
from family_configurations import FAMILIES
from model_comparisons import GENERATED_TOKENS, generation_measurement
from step_comparisons import losses_agree, step_measurement

SHAPE = ("--shape", "small", "--objective", "language-model")
AIM = "≥ 0.9"


class FamilyComparisons:
    def __init__(self, programs, inputs, options):
        self.programs, self.inputs, self.options = programs, inputs, options

    def all(self):
        others = [family for family in FAMILIES if family != "llama"]
        rows = [self.step(family, precision) for family in others for precision in ("float32", "bf16")]
        rows += [self.generation(family) for family in others]
        return rows + [self.beside_pytorch(family) for family in FAMILIES]

    def step(self, family, precision):
        """Not compared: the models differ."""
        ours, llama = (self.trained(each, precision, f"{each}, {precision}") for each in (family, "llama"))
        title = "training step, 256 × 6 layers"
        return Comparison(f"families-step-{precision}-{family}", title, [ours], [llama], [Figure("tokens/s", AIM)])

    def generation(self, family):
        def side(family):
            def measure():
                model = self.inputs.family_model(family)
                command = [self.programs / "GenerationTimer", model, "--tokens", GENERATED_TOKENS]
                return generation_measurement([*command, "--threads", self.options.threads])

            return Side(family, measure)

        title = "greedy generation, 256 × 6 layers"
        figures = [Figure("tokens/s", AIM)]
        return Comparison(f"families-generation-{family}", title, [side(family)], [side("llama")], figures)

    def beside_pytorch(self, family):
        ours = [self.trained(family, precision, precision) for precision in ("float32", "bf16")]
        peers = [self.pytorch(family, name) for name in ("float32", "bfloat16")]
        title = f"training step of {family}, 256 × 6 layers"
        return Comparison(f"families-pytorch-{family}", title, ours, peers, [Figure("tokens/s", "≥ 1")], losses_agree)

    def trained(self, family, precision, name):
        def measure():
            folder = self.inputs.family_steps(family)
            command = [self.programs / "StepTimer", folder, "--objective", "language-model", "--precision", precision]
            return step_measurement([*command, "--steps", self.options.steps, "--threads", self.options.threads])

        return Side(name, measure)

    def pytorch(self, family, dtype):
        def measure():
            command = [self.inputs.python, self.inputs.script("pytorch_step.py"), *SHAPE, "--family", family]
            command += ["--compile", "--dtype", dtype, "--steps", self.options.steps]
            return step_measurement([*command, "--threads", self.options.threads])

        return Side(f"PyTorch {dtype}, compile", measure)
