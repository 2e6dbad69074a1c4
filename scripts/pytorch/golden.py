"""Computes what the tests of runner, runner/optim, runner/schedule, runner/checkpoint and internal/kernels are held against.

    python scripts/pytorch/golden.py            writes the golden files into the repository
    python scripts/pytorch/golden.py --check    computes them again and says what differs; also reads the checkpoint
                                                that the Go tests hold their writer against
"""
import argparse
import hashlib
import json
import math
import pathlib
import struct
import sys

import numpy as np
import safetensors.numpy
import torch
from torch.optim import lr_scheduler as torch_schedules

ROOT = pathlib.Path(__file__).resolve().parents[2] / "runner"


# Optimizers: six weights, whose gradients are of very different sizes, for 12 steps; the rate falls after the sixth.

STEPS = 12
SIZES = np.array([1, 1, 1e-2, 1e-5, 1e-7, 0])


def gradients():
    rng = np.random.default_rng(1)
    return rng.standard_normal(6), rng.standard_normal((STEPS, 6)) * SIZES


def rates(lr):
    return [lr if step < STEPS // 2 else lr / 10 for step in range(STEPS)]


def by_torch(make, lr):
    start, grads = gradients()
    w = torch.tensor(start, requires_grad=True)
    optimizer = make([w])
    out = []
    for grad, rate in zip(grads, rates(lr)):
        optimizer.param_groups[0]["lr"] = rate
        w.grad = torch.tensor(grad)
        optimizer.step()
        out.append(w.detach().tolist())
    return out


def by_keras_formula(lr, beta1, beta2, epsilon, weight_decay):
    """The update of Keras' Adam: epsilon is outside the bias correction."""
    w, grads = gradients()
    m, v, out = np.zeros(6), np.zeros(6), []
    for t, (g, rate) in enumerate(zip(grads, rates(lr)), 1):
        g = g + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - rate * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + epsilon)
        out.append(w.tolist())
    return out


def by_keras_rmsprop(lr, rho, momentum, epsilon, centered, weight_decay):
    """The update of Keras' RMSprop: epsilon is in the root, the rate in the momentum. Its decay is ours: in the gradient."""
    w, grads = gradients()
    v, a, m, out = np.zeros(6), np.zeros(6), np.zeros(6), []
    for g, rate in zip(grads, rates(lr)):
        g = g + weight_decay * w
        v = rho * v + (1 - rho) * g * g
        a = rho * a + (1 - rho) * g
        denominator = v - a * a + epsilon if centered else v + epsilon
        m = momentum * m + rate * g / np.sqrt(denominator)
        w = w - m
        out.append(w.tolist())
    return out


def optimizers():
    start, grads = gradients()
    cases = []

    def add(name, kind, params, decay, weights):
        cases.append(dict(name=name, type=kind, params=params, decay=decay, lr=rates(params["LR"]),
                          start=start.tolist(), gradients=grads.tolist(), weights=weights))

    def sgd(name, lr, momentum, nesterov=False, weight_decay=0.0, decay=True, decay_all=False, norm_bias_lr=None):
        used = weight_decay if decay or decay_all else 0.0
        params = dict(LR=lr, Momentum=momentum, Nesterov=nesterov, WeightDecay=weight_decay, DecayAll=decay_all)
        if norm_bias_lr is None:
            add(name, "sgd", params, decay,
                by_torch(lambda w: torch.optim.SGD(w, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=used), lr))
            return
        # A group of its own in airbench: the rate is larger, and the decay smaller by as much.
        add(name, "sgd", dict(params, NormBiasLR=norm_bias_lr), decay,
            by_torch(lambda w: torch.optim.SGD(w, lr=lr * norm_bias_lr, momentum=momentum, nesterov=nesterov,
                                               weight_decay=used / norm_bias_lr), lr * norm_bias_lr))
        cases[-1]["shift"] = True

    def adam(name, mode, lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7, weight_decay=0.0, decay=True, decay_all=False):
        used = weight_decay if decay or decay_all else 0.0
        if mode == "keras":
            weights = by_keras_formula(lr, beta1, beta2, epsilon, used)
        else:
            weights = by_torch(lambda w: torch.optim.Adam(w, lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=used), lr)
        add(name, "adam", dict(LR=lr, Beta1=beta1, Beta2=beta2, Epsilon=epsilon, EpsilonMode=mode,
                               WeightDecay=weight_decay, DecayAll=decay_all), decay, weights)

    def adamw(name, lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, decay=True, decay_all=False):
        used = weight_decay if decay or decay_all else 0.0
        add(name, "adamw", dict(LR=lr, Beta1=beta1, Beta2=beta2, Epsilon=epsilon, WeightDecay=weight_decay, DecayAll=decay_all), decay,
            by_torch(lambda w: torch.optim.AdamW(w, lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=used), lr))

    def rmsprop(name, mode, lr=1e-3, alpha=0.99, momentum=0.0, centered=False, epsilon=1e-8, weight_decay=0.0, decay=True):
        used = weight_decay if decay else 0.0
        if mode == "keras":
            weights = by_keras_rmsprop(lr, alpha, momentum, epsilon, centered, used)
        else:
            weights = by_torch(lambda w: torch.optim.RMSprop(w, lr=lr, alpha=alpha, momentum=momentum, centered=centered,
                                                             eps=epsilon, weight_decay=used), lr)
        add(name, "rmsprop", dict(LR=lr, Alpha=alpha, Momentum=momentum, Centered=centered, Epsilon=epsilon, EpsilonMode=mode,
                                  WeightDecay=weight_decay), decay, weights)

    sgd("without momentum", 0.1, 0.0)
    sgd("with momentum", 0.1, 0.9)
    sgd("with Nesterov's momentum", 0.05, 0.9, nesterov=True)
    sgd("with weight decay", 0.1, 0.9, weight_decay=0.01)
    sgd("with Nesterov and weight decay", 0.1, 0.8, nesterov=True, weight_decay=0.01)
    sgd("no weight decay on a bias", 0.1, 0.9, weight_decay=0.01, decay=False)
    sgd("weight decay on a bias when asked", 0.1, 0.9, weight_decay=0.01, decay=False, decay_all=True)
    sgd("the shift of a normalisation, faster", 0.01, 0.85, nesterov=True, weight_decay=0.01, decay=False, norm_bias_lr=8.0)
    sgd("the shift of a normalisation, faster, with weight decay", 0.01, 0.85, nesterov=True, weight_decay=0.01, decay=False,
        decay_all=True, norm_bias_lr=8.0)
    adam("as in Keras", "keras")
    adam("as in Keras with weight decay", "keras", lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.01)
    adam("as in PyTorch", "pytorch", epsilon=1e-8)
    adam("as in PyTorch with a large epsilon", "pytorch", epsilon=1e-3)
    adam("as in PyTorch with weight decay", "pytorch", lr=0.01, weight_decay=0.01)
    adam("no weight decay on a bias", "pytorch", lr=0.01, weight_decay=0.01, decay=False)
    adam("weight decay on a bias when asked", "keras", weight_decay=0.01, decay=False, decay_all=True)
    adamw("AdamW")
    adamw("AdamW with much weight decay", lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.3)
    adamw("AdamW, no weight decay on a bias", decay=False)
    adamw("AdamW, weight decay on a bias when asked", lr=0.01, decay=False, decay_all=True)
    for mode in ("pytorch", "keras"):
        rmsprop(f"RMSProp as in {mode}", mode)
        rmsprop(f"RMSProp as in {mode} with momentum", mode, momentum=0.9, epsilon=1e-3)
        rmsprop(f"RMSProp as in {mode}, centered", mode, alpha=0.9, centered=True, epsilon=1e-4)
        rmsprop(f"RMSProp as in {mode} with all", mode, lr=0.01, alpha=0.9, momentum=0.5, centered=True, epsilon=1e-2, weight_decay=0.01)
        rmsprop(f"RMSProp as in {mode}, no weight decay on a bias", mode, weight_decay=0.01, decay=False)
    return cases


# Schedules: 6 epochs of 10 steps; the optimizer's rate is 1, so the rate is the factor.

PER_EPOCH, TOTAL = 10, 60


def factors(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    out = []
    for _ in range(TOTAL):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return out


def schedules():
    s = torch_schedules
    linear = lambda o, start, steps: s.LinearLR(o, start_factor=start, end_factor=1.0, total_iters=steps)
    cases = [
        ("constant", "constant", {}, lambda o: s.ConstantLR(o, factor=1.0, total_iters=0)),
        ("constant, rising for two epochs", "constant", dict(Epochs=2, From=0.1), lambda o: linear(o, 0.1, 20)),
        ("constant, rising for half an epoch", "constant", dict(Epochs=0.5, From=0.2), lambda o: linear(o, 0.2, 5)),
        ("constant, low for an epoch", "constant", dict(Epochs=1, From=0.1, Hold=True),
         lambda o: s.ConstantLR(o, factor=0.1, total_iters=10)),
        ("step", "step", dict(Points=[0.5, 0.75], Factor=0.1), lambda o: s.MultiStepLR(o, [30, 45], 0.1)),
        ("step, three points", "step", dict(Points=[0.3, 0.6, 0.8], Factor=0.2), lambda o: s.MultiStepLR(o, [18, 36, 48], 0.2)),
        ("step, rising for an epoch", "step", dict(Points=[0.5, 0.75], Factor=0.1, Epochs=1, From=0.01),
         lambda o: s.ChainedScheduler([linear(o, 0.01, 10), s.MultiStepLR(o, [30, 45], 0.1)])),
        ("cosine", "cosine", {}, lambda o: s.CosineAnnealingLR(o, T_max=60)),
        ("cosine to a tenth", "cosine", dict(Final=0.1), lambda o: s.CosineAnnealingLR(o, T_max=60, eta_min=0.1)),
        ("cosine, rising for an epoch", "cosine", dict(Final=0.01, Epochs=1, From=0.05),
         lambda o: s.SequentialLR(o, [linear(o, 0.05, 10), s.CosineAnnealingLR(o, T_max=50, eta_min=0.01)], [10])),
    ]
    cases += [
        ("multi-step", "multi-step", dict(After=[2, 5], Factor=0.1), lambda o: s.MultiStepLR(o, [20, 50], 0.1)),
        ("multi-step, rising for an epoch", "multi-step", dict(After=[3], Factor=0.5, Epochs=1, From=0.1),
         lambda o: s.ChainedScheduler([linear(o, 0.1, 10), s.MultiStepLR(o, [30], 0.5)])),
        ("polynomial, a line", "polynomial", dict(Power=1.0), lambda o: s.PolynomialLR(o, total_iters=60, power=1.0)),
        ("polynomial, squared", "polynomial", dict(Power=2.0), lambda o: s.PolynomialLR(o, total_iters=60, power=2.0)),
        ("polynomial, rising for an epoch", "polynomial", dict(Power=0.9, Epochs=1, From=0.05),
         lambda o: s.SequentialLR(o, [linear(o, 0.05, 10), s.PolynomialLR(o, total_iters=50, power=0.9)], [10])),
        ("piecewise, lines", "piecewise", dict(Points=[0, 0.25, 1], Factors=[0.1, 1, 0.02], Shape="linear"),
         lambda o: s.LambdaLR(o, lambda i: float(np.interp(i / TOTAL, [0, 0.25, 1], [0.1, 1, 0.02])))),
        ("piecewise, late and early", "piecewise", dict(Points=[0.1, 0.5], Factors=[1, 0.3], Shape="linear"),
         lambda o: s.LambdaLR(o, lambda i: float(np.interp(i / TOTAL, [0.1, 0.5], [1, 0.3])))),
        ("piecewise, steps", "piecewise", dict(Points=[0, 0.5, 0.75], Factors=[1, 0.1, 0.5], Shape="constant"),
         lambda o: s.LambdaLR(o, lambda i: 1.0 if i < 30 else 0.1 if i < 45 else 0.5)),
    ]
    for shape, strategy in (("cosine", "cos"), ("linear", "linear")):
        for peak, start, final in ((0.2, 0.04, 4e-6), (0.3, 0.1, 0.01)):
            cases.append((f"one-cycle, {shape}, peak at {peak}", "one-cycle", dict(Peak=peak, Start=start, Final=final, Shape=shape),
                          lambda o, a=strategy, p=peak, b=start, f=final: s.OneCycleLR(
                              o, max_lr=1.0, total_steps=TOTAL, pct_start=p, anneal_strategy=a,
                              div_factor=1 / b, final_div_factor=b / f, cycle_momentum=False)))
    return [dict(name=name, type=kind, params=params, steps_per_epoch=PER_EPOCH, total_steps=TOTAL, factors=factors(make))
            for name, kind, params, make in cases]


# The loss with label smoothing, of each row, and the gradient of the mean.


def smoothing():
    rng = np.random.default_rng(2)
    cases = []
    for rows, k, s in ((5, 10, 0.0), (5, 10, 0.1), (3, 7, 0.2), (4, 2, 0.9), (2, 1, 0.3)):
        logits = torch.tensor(3 * rng.standard_normal((rows, k)), requires_grad=True)
        labels = torch.tensor(rng.integers(0, k, rows))
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=s, reduction="none")
        loss.mean().backward()
        cases.append(dict(smoothing=s, rows=rows, k=k, logits=logits.detach().ravel().tolist(), labels=labels.tolist(),
                          loss=loss.tolist(), grad=logits.grad.ravel().tolist()))
    return cases


# The moving average of weights and of what a net keeps besides, at every third step.


def averages():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
            self.register_buffer("mean", torch.zeros(3, dtype=torch.float64))

    rng = np.random.default_rng(3)
    net = Net()
    cases = []
    for decay in (0.5, 0.99):
        average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay), use_buffers=True)
        values, want = [], []
        for step in range(1, 13):
            values.append(rng.standard_normal(7).tolist())
            with torch.no_grad():
                net.weight.copy_(torch.tensor(values[-1][:4]))
                net.mean.copy_(torch.tensor(values[-1][4:]))
            if step % 3 == 0:
                average.update_parameters(net)
                want.append(average.module.weight.tolist() + average.module.mean.tolist())
        cases.append(dict(decay=decay, every=3, values=values, averages=want))
    return cases


# Plateaus: what a metric was after each epoch, and the factor of the epoch after it.

def plateaus():
    rng = np.random.default_rng(2)
    falling = [float(x) for x in 2 * np.exp(-np.arange(60) / 8) + 0.5 + 0.02 * rng.standard_normal(60)]
    rising = [float(x) for x in 0.9 - 0.8 * np.exp(-np.arange(60) / 8) + 0.01 * rng.standard_normal(60)]
    flat = [1.0] * 30
    spoilt = falling[:20] + [float("nan")] * 3 + falling[20:]
    cases = []
    for name, metric, values, params in (
        ("loss", "val_loss", falling, dict(Factor=0.1, Patience=3, Threshold=1e-4)),
        ("loss, impatient", "val_loss", falling, dict(Factor=0.5, Patience=0, Threshold=0.01)),
        ("loss, cooling down", "train_loss", falling, dict(Factor=0.5, Patience=1, Threshold=0.01, Cooldown=4)),
        ("accuracy", "val_acc", rising, dict(Factor=0.2, Patience=2, Threshold=0.005)),
        ("error", "clean_train_err", falling, dict(Factor=0.2, Patience=2, Threshold=0)),
        ("to a floor", "val_loss", flat, dict(Factor=0.1, Patience=1, Threshold=1e-4, Final=0.05)),
        ("to almost nothing", "val_loss", flat, dict(Factor=0.1, Patience=0, Threshold=1e-4)),
        ("not a number", "val_loss", spoilt, dict(Factor=0.5, Patience=1, Threshold=1e-4)),
    ):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        plateau = torch_schedules.ReduceLROnPlateau(
            optimizer, mode="max" if metric.endswith("_acc") else "min", factor=params["Factor"], patience=params["Patience"],
            threshold=params["Threshold"], cooldown=params.get("Cooldown", 0), min_lr=params.get("Final", 0))
        out = []
        for v in values:
            plateau.step(v)
            out.append(optimizer.param_groups[0]["lr"])
        cases.append(dict(name=name, params=dict(params, Metric=metric), values=[repr(v) for v in values], factors=out))
    return cases


# A small checkpoint: as the format's own library writes it, and the same one as it must read ours.

TENSORS = {
    "stem.conv.weight": np.arange(2 * 3 * 1 * 1, dtype=np.float32).reshape(2, 3, 1, 1) / 4,
    "stem.conv.bias": np.array([-0.0, 1e-38], np.float32),
    "scale": np.array(np.float32(1) / 3, np.float32),
    "nothing": np.zeros((0, 4), np.float32),
}
METADATA = {"epoch": "3", "name": "a ä ☃ \"quoted\""}


def check_checkpoint(path, checksum):
    """Reads a checkpoint with the format's own library and compares it with TENSORS and METADATA."""
    with safetensors.safe_open(path, "np") as f:
        metadata = f.metadata()
        if checksum:
            content = path.read_bytes()
            header, = struct.unpack("<Q", content[:8])
            assert metadata.pop("sha256") == hashlib.sha256(content[8 + header:]).hexdigest()
        assert metadata == METADATA, metadata
        assert sorted(f.keys()) == sorted(TENSORS), f.keys()
        for name, want in TENSORS.items():
            got = f.get_tensor(name)
            assert got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes(), (name, got)


def text(cases):
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    checkpoints = ROOT / "checkpoint/testdata"
    texts = {
        ROOT / "optim/testdata/sequences.json": text(optimizers()),
        ROOT / "schedule/testdata/factors.json": text(schedules()),
        ROOT / "schedule/testdata/plateaus.json": text(plateaus()),
        ROOT / "testdata/pytorch-averages.json": text(averages()),
        ROOT.parent / "internal/kernels/testdata/smoothing.json": text(smoothing()),
    }
    if not check:
        for path, content in texts.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        (checkpoints / "library.safetensors").write_bytes(safetensors.numpy.save(TENSORS, METADATA))
        return
    differ = [path for path, content in texts.items() if path.read_text() != content]
    for path in differ:
        print(f"{path} differs", file=sys.stderr)
    check_checkpoint(checkpoints / "library.safetensors", checksum=False)
    check_checkpoint(checkpoints / "ours.safetensors", checksum=True)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
