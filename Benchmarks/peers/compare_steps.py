"""One table from the JSON objects of alternating runs: compare_steps.py PEER.json... -- OURS.json...

The i-th file of each side comes from the same round; ratios are taken within a round.
"""

import json
import pathlib
import statistics
import sys


def read(paths):
    return [json.loads(pathlib.Path(path).read_text()) for path in paths]


def row(name, runs):
    speeds = [run["tokens_per_second"] for run in runs]
    memory = statistics.median(run["peak_resident_mib"] for run in runs)
    cpu = statistics.median(statistics.median(run["cpu_seconds_per_step"]) for run in runs)
    spread = f"{min(speeds):,.0f} to {max(speeds):,.0f}"
    return f"| {name} | {statistics.median(speeds):,.0f} | {spread} | {cpu:.2f} s | {memory:,.0f} MiB |"


def peer_name(run):
    blocks = f", blocks of {run['block_tokens']}" if run["block_tokens"] else ""
    return f"PyTorch {run['torch']}, {run['dtype']}, {run['mode']}{blocks}"


def main():
    split = sys.argv.index("--")
    theirs, ours = read(sys.argv[1:split]), read(sys.argv[split + 1 :])
    ratios = [mine["tokens_per_second"] / peer["tokens_per_second"] for peer, mine in zip(theirs, ours, strict=True)]
    print(f"{ours[0]['processor']}, {ours[0]['threads']} threads, OpenBLAS kernel {ours[0]['matrix_kernel']},")
    print(f"alternating rounds: {len(ours)}, each of {ours[0]['steps']} steps of {ours[0]['tokens_per_step']} tokens")
    print()
    print("| step | tokens/s, median | over the rounds | CPU time per step | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    print(row(peer_name(theirs[0]), theirs))
    print(row(f"Limbeck, {ours[0]['dtype']}, blocks of {ours[0]['block_tokens']}", ours))
    print()
    print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    difference = max(run["largest_loss_difference"] for run in ours)
    print(f"largest relative difference of a step's loss: {difference:.1e}")


if __name__ == "__main__":
    main()
