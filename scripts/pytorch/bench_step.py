"""Speed of PyTorch's train step and of its evaluation, for comparison with `exp bench`.

    python scripts/pytorch/bench_step.py --experiment resnet-cifar          a line for each way to run it
    python scripts/pytorch/bench_step.py --experiment he2015 --units 9      depth 56
    python scripts/pytorch/bench_step.py --experiment resnet-cifar --eval
    python scripts/pytorch/bench_step.py --serve                            for scripts/bench

float32, or with --bf16 its autocast; one batch of random images, the fused optimizers. The ways: eager or torch.compile,
contiguous or channels_last.

--serve reads requests from standard input and answers each with a line, both JSON; what was compiled stays so:

    {"experiment": "he2015", "units": 9, "eval": false, "bf16": false, "compile": true, "format": "channels_last", "batch": 128, "seconds": 3}
    {"ms": [812.3, ...], "parameters": 853018, "peak_rss_bytes": 1234567890}
"""
import argparse
import json
import resource
import statistics
import sys
import time

import torch
from torch.nn import functional as F

import nets

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
WAYS = [dict(compile=compiled, format=name) for compiled in (False, True) for name in FORMATS]
WARMUP = 2

# All nets share the code of Net.forward: let every one of them be compiled, and fail (fullgraph) rather than run one eagerly.
torch._dynamo.config.recompile_limit = 1000
torch._dynamo.config.accumulated_recompile_limit = 1000


class Contestant:
    """A net with its batch, ready to make steps."""

    def __init__(self, experiment, units, eval, bf16, compile, format, batch):
        torch.manual_seed(1)
        experiment, memory_format = nets.EXPERIMENTS[experiment], FORMATS[format]
        net = (experiment.net(units=units) if units else experiment.net()).to(memory_format=memory_format)
        self.parameters = sum(p.numel() for p in net.parameters())
        self.x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=memory_format)
        self.y = torch.randint(10, (batch,))
        self.eval = eval
        net.train(not eval)
        self.optimizer = None if eval else experiment.fast_optimizer(net)

        def forward(x, y):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = net(x)
            logits = logits.float()
            loss = F.cross_entropy(logits, y)
            return (loss, (logits.argmax(1) == y).sum()) if eval else loss

        self.forward = torch.compile(forward, fullgraph=True, dynamic=False) if compile else forward
        for _ in range(WARMUP):
            self.step()

    def step(self):
        if self.eval:
            with torch.no_grad():
                self.forward(self.x, self.y)
            return
        self.optimizer.zero_grad()
        self.forward(self.x, self.y).backward()
        self.optimizer.step()

    def measure(self, seconds):
        """Milliseconds of each step, for so many seconds, but three steps at least."""
        self.step()  # warms up the caches again after others' turns
        ms = []
        while len(ms) < 3 or sum(ms) < 1000 * seconds:
            start = time.perf_counter()
            self.step()
            ms.append(1000 * (time.perf_counter() - start))
        return ms


def serve():
    contestants = {}
    for line in sys.stdin:
        request = json.loads(line)
        seconds = request.pop("seconds")
        key = json.dumps(request, sort_keys=True)
        if key not in contestants:
            contestants[key] = Contestant(**request)
        c = contestants[key]
        ms = c.measure(seconds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(dict(ms=ms, parameters=c.parameters, peak_rss_bytes=peak)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", choices=sorted(nets.EXPERIMENTS), default="resnet-cifar")
    parser.add_argument("--units", type=int, help="Units a stage, where not as many as the experiment has")
    parser.add_argument("--eval", action="store_true", help="evaluation instead of the train step")
    parser.add_argument("--bf16", action="store_true", help="products in bf16, where autocast allows them")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.serve:
        serve()
        return
    for way in WAYS:
        c = Contestant(arguments.experiment, arguments.units, arguments.eval, arguments.bf16, batch=arguments.batch, **way)
        ms = statistics.median(c.measure(arguments.seconds))
        print(f"{arguments.experiment}, {'compiled' if way['compile'] else 'eager'}, {way['format']}, batch {arguments.batch}, "
              f"{arguments.threads} threads, PyTorch {torch.__version__}: {1000 * arguments.batch / ms:.1f} images/s, {ms:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
