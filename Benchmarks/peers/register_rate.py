"""The machine's limit of matrix products: what its cores do on registers alone, measured by RegisterRate."""

import processes


class RegisterRate:
    """GFLOP/s by precision, the best of all rounds: what neighbours on a shared machine take is not its limit."""

    def __init__(self, programs, threads):
        self.programs, self.threads = programs, threads
        self.rates = {}

    def measure(self):
        found = processes.run([self.programs / "RegisterRate", self.threads]).json()
        self.rates = {name: max(rate, self.rates.get(name, 0)) for name, rate in found.items()}

    def seconds(self, gflop, precision):
        """None where the CPU has no such instructions."""
        return gflop / self.rates[precision] if precision in self.rates else None

    def __str__(self):
        return ", ".join(f"{rate:,.0f} GFLOP/s in {name}" for name, rate in self.rates.items()) or "unknown"
