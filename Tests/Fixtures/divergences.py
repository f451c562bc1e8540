"""The divergences between a teacher's p and a student's q in float64: value and gradient on the student's logits, by row.

p and q are the softmax of logits divided by a temperature. Definitions: forward KL is sum p (log p - log q); reverse KL
sum q (log q - log p); Jensen-Shannon has M = b p + (1 - b) q and is b KL(p|M) + (1 - b) KL(q|M); symmetric KL is
a forward + (1 - a) reverse; skew forward is KL(p | l p + (1 - l) q), skew reverse KL(q | (1 - l) p + l q); total
variation is half of sum |p - q|. An entry of -inf has probability zero, and 0 log 0 = 0.

Each function takes (log p, log q) and returns its value by row and q dD/dq by entry (not dD/dq, which overflows where q
underflows). The chain through the softmax, (q dD/dq - q sum(q dD/dq)) / temperature, is common to all. Values also
differentiate automatically where all logits are finite: `requires_matching_autograd` compares the two.
"""

import math

import torch


def weighted(weights, terms):
    """weights * terms, where a weight of exactly zero makes zero of any term."""
    return torch.where(weights == 0, torch.zeros_like(terms), weights * terms)


def kl(log_a, log_b):
    return weighted(log_a.exp(), log_a - log_b).sum(-1)


def mixture(share, log_a, log_b):
    """log(share a + (1 - share) b)."""
    return torch.logaddexp(math.log(share) + log_a, math.log(1 - share) + log_b)


def forward_kl(log_p, log_q):
    return kl(log_p, log_q), -log_p.exp()


def reverse_kl(log_p, log_q):
    return kl(log_q, log_p), weighted(log_q.exp(), log_q - log_p + 1)


def symmetric_kl(share):
    def both(log_p, log_q):
        forward, forward_slope = forward_kl(log_p, log_q)
        reverse, reverse_slope = reverse_kl(log_p, log_q)
        return share * forward + (1 - share) * reverse, share * forward_slope + (1 - share) * reverse_slope

    return both


def jensen_shannon(beta):
    def both(log_p, log_q):
        log_m = mixture(beta, log_p, log_q)
        value = beta * kl(log_p, log_m) + (1 - beta) * kl(log_q, log_m)
        return value, (1 - beta) * weighted(log_q.exp(), log_q - log_m)

    return both


def skew_forward_kl(skew):
    def both(log_p, log_q):
        log_m = mixture(skew, log_p, log_q)
        return kl(log_p, log_m), -(1 - skew) * weighted(log_q.exp(), (log_p - log_m).exp())

    return both


def skew_reverse_kl(skew):
    def both(log_p, log_q):
        log_m = mixture(skew, log_q, log_p)
        slope = log_q - log_m + 1 - skew * (log_q - log_m).exp()
        return kl(log_q, log_m), weighted(log_q.exp(), slope)

    return both


def total_variation(log_p, log_q):
    p, q = log_p.exp(), log_q.exp()
    return (p - q).abs().sum(-1) / 2, q * (q - p).sign() / 2


DIVERGENCES = {
    "forward_kl": forward_kl,
    "reverse_kl": reverse_kl,
    "symmetric_kl": symmetric_kl(0.3),
    "jensen_shannon": jensen_shannon(0.3),
    "skew_forward_kl": skew_forward_kl(0.1),
    "skew_reverse_kl": skew_reverse_kl(0.1),
    "total_variation": total_variation,
}
SHARES = {
    "symmetric_kl": 0.3,
    "jensen_shannon": 0.3,
    "skew_forward_kl": 0.1,
    "skew_reverse_kl": 0.1,
}


def by_row(divergence, teacher, student, temperature):
    """The values of `divergence` for each row of logits; differentiable."""
    return divergence((teacher / temperature).log_softmax(-1), (student / temperature).log_softmax(-1))[0]


def with_gradient(divergence, teacher, student, temperature):
    """Values by row, and d value / d student's logits. NaN gradients where the value is infinite."""
    log_p, log_q = (teacher / temperature).log_softmax(-1), (student / temperature).log_softmax(-1)
    value, slope = divergence(log_p, log_q)
    gradient = (slope - log_q.exp() * slope.sum(-1, keepdim=True)) / temperature
    infinite = value.isinf().unsqueeze(-1)
    return value, torch.where(infinite, torch.full_like(gradient, math.nan), gradient)


def golden_logits():
    k = torch.arange(2 * 3 * 8, dtype=torch.float64).reshape(2, 3, 8)
    return 3 * torch.cos(0.7 * k + 0.1), 2 * torch.sin(0.9 * k + 0.3)


def requires_golden_numbers():
    """The published peers' numbers for two rows of three tokens, two of them masked."""
    teacher, student = golden_logits()
    counted = torch.tensor([[True, False, True], [True, True, False]])

    def mean(divergence, temperature=1.0):
        return by_row(divergence, teacher, student, temperature)[counted].mean().item()

    edge = torch.tensor([[0.1, 0.9]], dtype=torch.float64).log()
    row = with_gradient(forward_kl, teacher, student, 1.0)[1][0, 0] / counted.sum()
    cross_entropy = -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1)[counted].mean().item()
    for what, actual, golden in [
        ("forward KL", mean(forward_kl), 1.529186350),
        # Published as 2.793460369, which is this sum in float32 arithmetic.
        ("soft cross-entropy", cross_entropy, 2.793460571),
        ("reverse KL", mean(reverse_kl), 1.835384947),
        ("Jensen-Shannon 0.5", mean(jensen_shannon(0.5)), 0.288884630),
        # Published as 0.597641885, float32 again.
        ("total variation", mean(total_variation), 0.597641925),
        ("forward KL at temperature 2", mean(forward_kl, 2.0), 0.555097437),
        ("the same times 4", 4 * mean(forward_kl, 2.0), 2.220389750),
        ("edge case", by_row(forward_kl, edge, edge.flip(-1), 1.0).item(), 1.757779662),
        ("edge case in closed form", by_row(forward_kl, edge, edge.flip(-1), 1.0).item(), 0.8 * math.log(9)),
    ] + [
        (f"gradient {index}", row[index].item(), golden)
        for index, golden in enumerate(
            [-0.128988535, 0.027564984, 0.069344067, 0.017302032, 0.003127724, 0.001387207, 0.002327574, 0.007934948]
        )
    ]:
        if not abs(actual - golden) <= 6e-10:
            raise SystemExit(f"golden number, {what}: {actual:.9f}, published {golden:.9f}")


def requires_matching_autograd():
    teacher, student = golden_logits()
    for name, divergence in DIVERGENCES.items():
        for temperature in (0.5, 1.0, 2.0):
            leaf = student.clone().requires_grad_()
            by_row(divergence, teacher, leaf, temperature).sum().backward()
            error = (leaf.grad - with_gradient(divergence, teacher, student, temperature)[1]).abs().max().item()
            if not error <= 1e-14 / temperature:
                raise SystemExit(f"{name} at temperature {temperature}: gradient differs from autograd by {error:.1e}")
