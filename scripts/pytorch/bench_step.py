"""Speed of PyTorch's train step, for comparison with `exp bench`.

    python scripts/pytorch/bench_step.py --experiment resnet-cifar --threads 2

Eager mode, float32, both memory formats, random images. Prints the median over the steps.
"""
import argparse
import statistics
import time

import torch

import nets


def bench(experiment, batch, steps, memory_format):
    """Seconds of each step."""
    torch.manual_seed(1)
    net = experiment.net().to(memory_format=memory_format).train()
    optimizer = experiment.optimizer(net)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=memory_format)
    y = torch.randint(10, (batch,))
    seconds = []
    for step in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        if step >= 2:  # the first two warm up
            seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", choices=sorted(nets.EXPERIMENTS), default="resnet-cifar")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name, memory_format in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        seconds = statistics.median(bench(nets.EXPERIMENTS[arguments.experiment], arguments.batch, arguments.steps, memory_format))
        print(f"{arguments.experiment}, {name}, batch {arguments.batch}, {arguments.threads} threads, PyTorch {torch.__version__}: "
              f"{arguments.batch / seconds:.1f} images/s, {1000 * seconds:.0f} ms a step")


if __name__ == "__main__":
    main()
