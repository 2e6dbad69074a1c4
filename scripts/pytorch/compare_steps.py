"""Compares ten train steps with PyTorch's: the same initial weights, the same 1,280 examples in order, batch 128, no
augmentation, no dropout. In float32, and in float64 on small nets of the same kind (160 examples, batch 16).

    python scripts/pytorch/compare_steps.py                 on the data set `synthetic`
    ... --only NAME                                         one net
    python scripts/pytorch/compare_steps.py --data DIR      on CIFAR-10 too; DIR has data_batch_1.bin to _5.bin
    ... --full                                              the whole nets in float64 too: half an hour
    ... --record                                            keep PyTorch's losses for the Go tests

For CIFAR-10 this script reads and normalises the images itself, and in float32 trains on them; `synthetic` and float64, where a
last bit of an image would show, take them from our side.

Prints the losses of both, and beside them by how much PyTorch's own differ when it computes in another memory format: at
a high learning rate training multiplies rounding errors, and no two float32 programs agree for long; in float64 they do.
Ends with 1 when ours differ by more than 1e-4 of themselves and, in float32, by more than ten times as much as PyTorch from
itself up to that step.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import safetensors
import safetensors.numpy
import torch

import nets

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "runner/testdata/pytorch-steps.json"
STEPS = 10
TOLERANCE = 1e-4


def read_cifar10(folder):
    """Images [N,32,32,3] scaled to [0,1] and labels [N] of the training data."""
    records = np.concatenate([np.fromfile(pathlib.Path(folder) / f"data_batch_{k}.bin", np.uint8).reshape(-1, 3073) for k in range(1, 6)])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images.astype(np.float32) / np.float32(255), records[:, 0].astype(np.int64)


def run_ours(data, out, full, only):
    """Our side: writes weights.safetensors, batch.safetensors and losses.json into out/DATASET/EXPERIMENT/RATE/KIND."""
    command = ["go", "test", "./runner", "-count=1", "-timeout=2h", f"-run=^TestTenStepsAreThoseOfPyTorch$/./^{only or '.*'}$", f"-steps-out={out}"]
    if data:
        command.append(f"-steps-data={pathlib.Path(data).resolve()}")
    if full:
        command.append("-steps-full")
    subprocess.run(command, cwd=ROOT, check=True)


def run_torch(experiment, lr, kind, weights, images, labels, memory_format=torch.contiguous_format):
    """The loss of each step before its update: images [N,H,W,C], labels [N]."""
    net = experiment.small() if kind == "float64-small" else experiment.net()
    nets.load(net, weights)
    dtype = torch.float32 if kind == "float32" else torch.float64
    net = net.to(dtype=dtype, memory_format=memory_format).train()
    batch = len(images) // STEPS
    optimizer = experiment.optimizer(net, lr)
    losses = []
    for at in range(0, len(images), batch):
        x = torch.from_numpy(images[at:at + batch]).to(dtype).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
        y = torch.from_numpy(labels[at:at + batch])
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y, label_smoothing=getattr(experiment, "label_smoothing", 0.0))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def sha256(path):
    """The checksum of a checkpoint's data, as its metadata has it."""
    with safetensors.safe_open(path, "np") as f:
        return f.metadata()["sha256"]


def compare(name, lr, kind, dataset, data, out):
    """Prints the columns; gives the golden record and whether ours are near enough."""
    experiment = nets.EXPERIMENTS[name]
    batch = safetensors.numpy.load_file(out / "batch.safetensors")
    images, labels = batch["images"], batch["labels"].astype(np.int64)
    print(f"\n{name} on {dataset}, learning rate {lr:g}, {kind}, PyTorch {torch.__version__}")
    if dataset == "cifar10":
        train, train_labels = read_cifar10(data)
        normalised = experiment.normalise(train[:len(labels)], train).astype(np.float32)
        print(f"normalised images differ by at most {np.abs(normalised - images).max():.1e}, labels by {np.abs(train_labels[:len(labels)] - labels).max():.0f}")
        if kind == "float32":
            images, labels = normalised, train_labels[:len(labels)]
    weights = out / "weights.safetensors"
    ours = json.loads((out / "losses.json").read_text())
    theirs = run_torch(experiment, lr, kind, weights, images, labels)
    again = run_torch(experiment, lr, kind, weights, images, labels, torch.channels_last)
    spread = [abs(a - b) / abs(b) for a, b in zip(again, theirs, strict=True)]
    print("step        ours     PyTorch  difference  PyTorch's own")
    good = True
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        difference = abs(a - b) / abs(b)
        good = good and difference <= max(TOLERANCE, 10 * max(spread[:step]) if kind == "float32" else 0)
        print(f"{step:4}  {a:10.7f}  {b:10.7f}     {difference:7.1e}        {spread[step - 1]:7.1e}", flush=True)
    return dict(experiment=name, dataset=dataset, kind=kind, lr=lr, torch=torch.__version__, weights_sha256=sha256(weights),
                batch_sha256=sha256(out / "batch.safetensors"), losses=theirs, spread=spread), good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with CIFAR-10's binary files")
    parser.add_argument("--full", action="store_true", help="the whole nets in float64 too")
    parser.add_argument("--only", choices=sorted(nets.EXPERIMENTS), help="one net")
    parser.add_argument("--record", action="store_true", help=f"write {GOLDEN.relative_to(ROOT)}")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    records, good = [], True
    with tempfile.TemporaryDirectory() as out:
        run_ours(arguments.data, out, arguments.full, arguments.only)
        for path in sorted(pathlib.Path(out).glob("*/*/*/*"), reverse=True):
            dataset, name, lr, kind = path.relative_to(out).parts
            record, near = compare(name, float(lr), kind, dataset, arguments.data, path)
            records.append(record)
            good = good and near
    print("\nours are near enough" if good else "\nours differ too much")
    if arguments.record:
        known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else []
        case = lambda r: (r["dataset"], r["experiment"], r["lr"], r["kind"])
        new = {case(r) for r in records}
        records += [r for r in known if case(r) not in new]
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
