"""What monitoring two models costs their training, against none and against torch.cdist in the loop.

Blocks of iterations of three kinds alternate in one run; each is held against the block without
monitoring beside it, so that a machine that slows down disturbs both alike. Printed are medians of the
time on the clock and of the CPU time of the trainer's process.

    python examples/monitor_overhead.py
"""

import argparse
import resource
import statistics
import time

import torch

from gscli.training import DisagreementMonitor


def train_step(model, target, optimizer):
    optimizer.zero_grad(set_to_none=True)
    loss = sum(((torch.sin(m @ m.T[:, :24]) - target) ** 2).mean() for m in model)
    loss.backward()
    optimizer.step()


def cdist_fitness(a, b, threshold, batch=10_000):
    nearest = [torch.cdist(part, b).min(1).values for part in a.split(batch)]
    return (torch.cat(nearest) < threshold).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--every", type=int, default=500, help="iterations in a block, measured once")
    parser.add_argument("--blocks", type=int, default=7, help="blocks of each kind")
    parser.add_argument("--cdist-blocks", type=int, default=2)
    parser.add_argument("--threads", type=int, help="threads of the training  [default: torch's]")
    options = parser.parse_args()

    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    model = [torch.randn(options.points, 3, requires_grad=True) for _ in range(2)]
    target = torch.zeros(options.points, 24)
    optimizer = torch.optim.Adam(model, lr=1e-4)
    seen = []
    seconds = {"none": [], "monitor": [], "cdist in the loop": []}
    calls = []
    with DisagreementMonitor(lambda scalars, step: seen.append(step)) as monitor:
        for _ in range(20):
            train_step(model, target, optimizer)
        for block in range(options.blocks):
            kinds = ["none", "monitor"] if block % 2 else ["monitor", "none"]
            for kind in kinds + ["cdist in the loop"] * (block < options.cdist_blocks):
                start, cpu = time.perf_counter(), time.process_time()
                if kind == "monitor":
                    monitor(*model, block)
                    calls.append(time.perf_counter() - start)
                elif kind != "none":
                    with torch.no_grad():
                        cdist_fitness(*model, 0.3)
                for _ in range(options.every):
                    train_step(model, target, optimizer)
                seconds[kind].append((time.perf_counter() - start, time.process_time() - cpu))
    assert len(seen) == options.blocks
    print(f"two models of {options.points:,} points, measured every {options.every} iterations, medians")
    for kind, blocks in seconds.items():
        if blocks:
            clock, cpu = medians(blocks)
            ratios = [
                [a / b for a, b in zip(*pair, strict=True)]
                for pair in zip(blocks, seconds["none"], strict=False)
            ]
            slower, busier = medians(ratios)
            print(
                f"  {kind:16} {clock / options.every * 1e3:7.2f} ms per iteration {slower - 1:+7.1%}"
                f" CPU {cpu / options.every * 1e3:7.2f} ms  {busier - 1:+7.1%}"
            )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"the call returned after {statistics.median(calls) * 1e3:.2f} ms")
    print(
        f"the monitor's process used {(used.ru_utime + used.ru_stime) / len(seen):.2f} s of CPU a measurement"
    )


def medians(rows):
    """The median of each column."""
    return [statistics.median(column) for column in zip(*rows, strict=True)]


if __name__ == "__main__":
    main()
