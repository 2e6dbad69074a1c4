"""The nets and optimizers of the shipped experiments in PyTorch, with the names of our checkpoints."""
import math

import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, kernel, stride=1, bias=True):
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias)


class Preact(nn.Module):
    """BN-ReLU-conv twice. A Unit that changes the shape max-pools its main path; its shortcut is a 1x1 convolution with
    stride 2 over the input as it was before the pooling."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs, **norm), conv(inputs, outputs, 3)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs, **norm), conv(outputs, outputs, 3)
        self.pools = stride > 1
        if self.pools:
            self.shortcut = nn.ModuleDict({"conv": conv(inputs, outputs, 1, stride=2)})

    def forward(self, x):
        y, shortcut = x, x
        if self.pools:
            y, shortcut = F.max_pool2d(x, 2), self.shortcut["conv"](x)
        y = self.conv1(F.relu(self.bn1(y)))
        y = self.conv2(F.relu(self.bn2(y)))
        return shortcut + y


class PlainPreact(Preact):
    """Preact without its shortcut."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm)
        if self.pools:
            del self.shortcut

    def forward(self, x):
        y = F.max_pool2d(x, 2) if self.pools else x
        y = self.conv1(F.relu(self.bn1(y)))
        return self.conv2(F.relu(self.bn2(y)))


class PoolingPostact(nn.Module):
    """conv-BN-ReLU-conv-BN, the addition, ReLU. A Unit that changes the shape max-pools its main path; its shortcut is a 1x1
    convolution with stride 2 and BN over the input as it was before the pooling."""

    def __init__(self, inputs, outputs, _, norm):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs, **norm)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs, **norm)
        self.pools = inputs != outputs
        if self.pools:
            self.shortcut = nn.ModuleDict({"conv": conv(inputs, outputs, 1, stride=2, bias=False), "bn": nn.BatchNorm2d(outputs, **norm)})

    def forward(self, x):
        y, shortcut = x, x
        if self.pools:
            y, shortcut = F.max_pool2d(x, 2), self.shortcut["bn"](self.shortcut["conv"](x))
        y = F.relu(self.bn1(self.conv1(y)))
        return F.relu(shortcut + self.bn2(self.conv2(y)))


class Postact(nn.Module):
    """conv-BN-ReLU-conv-BN, the addition, ReLU. Where the shape changes the shortcut is option A of He et al. 2015: every
    second pixel, with channels of zeros appended."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        self.stride = stride
        self.zeros = outputs - inputs
        self.conv1, self.bn1 = conv(inputs, outputs, 3, self.stride, bias=False), nn.BatchNorm2d(outputs, **norm)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs, **norm)

    def branch(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(y))

    def past(self, x):
        return F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.zeros))

    def forward(self, x):
        return F.relu(self.past(x) + self.branch(x))


class Gated(Postact):
    """Postact with the exclusive gate of He et al. 2016: (1-g) of the shortcut and g of the branch."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm)
        self.shortcut = nn.ModuleDict({"gate": conv(inputs, outputs, 1, stride)})

    def forward(self, x):
        g = torch.sigmoid(self.shortcut["gate"](x))
        return F.relu((1 - g) * self.past(x) + g * self.branch(x))


class Bottleneck(nn.Module):
    """conv1x1, which strides, conv3x3 and conv1x1, each with BN, ReLU between them and after the addition. Where the shape
    changes the shortcut is a 1x1 convolution with BN: option B of He et al. 2015."""

    def __init__(self, inputs, outputs, stride, norm):
        super().__init__()
        inner = outputs // 4
        self.conv1, self.bn1 = conv(inputs, inner, 1, stride, bias=False), nn.BatchNorm2d(inner, **norm)
        self.conv2, self.bn2 = conv(inner, inner, 3, bias=False), nn.BatchNorm2d(inner, **norm)
        self.conv3, self.bn3 = conv(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs, **norm)
        if inputs != outputs or stride > 1:
            self.shortcut = nn.ModuleDict({"conv": conv(inputs, outputs, 1, stride, bias=False), "bn": nn.BatchNorm2d(outputs, **norm)})

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        if hasattr(self, "shortcut"):
            x = self.shortcut["bn"](self.shortcut["conv"](x))
        return F.relu(x + y)


class Preactivated(nn.Module):
    """BN-ReLU before each convolution; where the shape changes a 1x1 convolution of the first BN-ReLU is the shortcut."""

    def __init__(self, inputs, outputs, stride, norm, layers):
        super().__init__()
        self.layers = len(layers)
        for i, (a, b, kernel, step) in enumerate(layers, 1):
            setattr(self, f"bn{i}", nn.BatchNorm2d(a, **norm))
            setattr(self, f"conv{i}", conv(a, b, kernel, step, bias=False))
        if inputs != outputs or stride > 1:
            self.shortcut = nn.ModuleDict({"conv": conv(inputs, outputs, 1, stride, bias=False)})

    def forward(self, x):
        y, shortcut = x, x
        for i in range(1, self.layers + 1):
            y = F.relu(getattr(self, f"bn{i}")(y))
            if i == 1 and hasattr(self, "shortcut"):
                shortcut = self.shortcut["conv"](y)
            y = getattr(self, f"conv{i}")(y)
        return shortcut + y


class PreactBottleneck(Preactivated):
    def __init__(self, inputs, outputs, stride, norm):
        inner = outputs // 4
        super().__init__(inputs, outputs, stride, norm, [(inputs, inner, 1, stride), (inner, inner, 3, 1), (inner, outputs, 1, 1)])


class Wide(Preactivated):
    def __init__(self, inputs, outputs, stride, norm):
        super().__init__(inputs, outputs, stride, norm, [(inputs, outputs, 3, stride), (outputs, outputs, 3, 1)])


class Net(nn.Module):
    def __init__(self, unit, filters, units, norm, preact, classes=10, stem=None, bias=False):
        super().__init__()
        self.preact = preact
        inputs = stem or filters[0]
        self.stem = nn.ModuleDict({"conv": conv(3, inputs, 3, bias=bias)})
        if not preact:
            self.stem["bn"] = nn.BatchNorm2d(inputs, **norm)
        stages = []
        for stage, outputs in enumerate(filters):
            stages.append(nn.ModuleDict({"units": nn.ModuleList(
                unit(inputs if u == 0 else outputs, outputs, 2 if stage > 0 and u == 0 else 1, norm) for u in range(units))}))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.head = nn.ModuleDict({"dense": nn.Linear(inputs, classes)})
        if preact:
            self.head["bn"] = nn.BatchNorm2d(inputs, **norm)

    def forward(self, x):
        x = self.stem["conv"](x)
        if not self.preact:
            x = F.relu(self.stem["bn"](x))
        for stage in self.stages:
            for unit in stage["units"]:
                x = unit(x)
        if self.preact:
            x = F.relu(self.head["bn"](x))
        return self.head["dense"](x.mean((2, 3)))


class KerasAdam:
    """Adam as in Keras: epsilon is outside the bias correction."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7):
        self.params = list(params)
        self.lr, self.beta1, self.beta2, self.epsilon = lr, beta1, beta2, epsilon
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]
        self.t = 0

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.t += 1
        rate = self.lr * math.sqrt(1 - self.beta2**self.t) / (1 - self.beta1**self.t)
        for p, m, v in zip(self.params, self.m, self.v):
            m.mul_(self.beta1).add_(p.grad, alpha=1 - self.beta1)
            v.mul_(self.beta2).addcmul_(p.grad, p.grad, value=1 - self.beta2)
            p.addcdiv_(m, v.sqrt().add_(self.epsilon), value=-rate)


def decaying(net, weight_decay):
    """The parameters in two groups: weight decay on the weights of convolutions and the dense layer only."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0}]


def sgd(net, lr, weight_decay=1e-4, nesterov=False, **how):
    """SGD of He et al. 2015."""
    return torch.optim.SGD(decaying(net, weight_decay), lr=lr, momentum=0.9, nesterov=nesterov, **how)


class ResNetCIFAR:
    """configs/resnet-cifar.yaml: 12 pre-activation Units. Normalised by one mean and a deviation for each pixel and channel."""

    unit = Preact

    def net(self, filters=(32, 64, 128, 256), units=3):
        return Net(self.unit, filters, units, dict(momentum=0.01, eps=1e-3), preact=True, bias=True)

    def small(self):
        return self.net((8, 16, 32, 64), 1)

    def optimizer(self, net, lr=1e-3):
        return KerasAdam(net.parameters(), lr)

    def fast_optimizer(self, net):
        """The same but for where epsilon stands: PyTorch's fastest Adam."""
        return torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7, fused=True)

    def normalise(self, images, train):
        return (images - train.mean(dtype="float64")) / train.std(0, dtype="float64")


class PlainCIFAR(ResNetCIFAR):
    """configs/plain-cifar.yaml: resnet-cifar without its shortcuts."""

    unit = PlainPreact


class PostactCIFAR(ResNetCIFAR):
    """resnet-cifar with --set model.unit.type=postact."""

    unit = PoolingPostact


class He2015:
    """configs/he2015.yaml: depth 6 units + 2 of He et al. 2015, section 4.2. Normalised by a mean for each pixel and channel."""

    unit = Postact

    def net(self, filters=(16, 32, 64), units=3):
        return Net(self.unit, filters, units, dict(momentum=0.1, eps=1e-5), preact=False)

    def small(self):
        return self.net((4, 8, 16), 1)

    def optimizer(self, net, lr=0.1):
        return sgd(net, lr)

    def fast_optimizer(self, net):
        return sgd(net, 0.1, fused=True)

    def normalise(self, images, train):
        return images - train.mean(0, dtype="float64")


class He2015AdamW(He2015):
    """configs/he2015.yaml with AdamW."""

    def optimizer(self, net, lr=0.01):
        return torch.optim.AdamW(decaying(net, 0.05), lr=lr)


class He2015RMSProp(He2015):
    """configs/he2015.yaml with RMSProp, centered and with momentum."""

    def optimizer(self, net, lr=0.01):
        return torch.optim.RMSprop(decaying(net, 0.01), lr=lr, alpha=0.9, momentum=0.9, centered=True, eps=0.01)


class He2015Smoothed(He2015):
    """configs/he2015.yaml with smoothed labels."""

    label_smoothing = 0.2


class He2016Gated(He2015):
    """configs/he2016-shortcuts.yaml with its gated shortcut: depth 110."""

    unit = Gated

    def net(self, filters=(16, 32, 64), units=18):
        return super().net(filters, units)


class He2015Bottleneck(He2015):
    """configs/he2015.yaml with bottlenecks of depth 164, and projections."""

    def net(self, filters=(64, 128, 256), units=18, stem=16):
        return Net(Bottleneck, filters, units, dict(momentum=0.1, eps=1e-5), preact=False, stem=stem)

    def small(self):
        return self.net((8, 16, 32), 1, stem=4)


class He2016Preact164(He2015):
    """configs/he2016-preact-164.yaml: pre-activation bottlenecks."""

    def net(self, filters=(64, 128, 256), units=18, stem=16):
        return Net(PreactBottleneck, filters, units, dict(momentum=0.1, eps=1e-5), preact=True, stem=stem)

    def small(self):
        return self.net((8, 16, 32), 1, stem=4)


class WRN:
    """configs/wrn-16-4.yaml. Normalised by a mean and a deviation for each channel."""

    def net(self, filters=(64, 128, 256), units=2, stem=16):
        return Net(Wide, filters, units, dict(momentum=0.1, eps=1e-5), preact=True, stem=stem)

    def small(self):
        return self.net((8, 16, 32), 1, stem=4)

    def optimizer(self, net, lr=0.1):
        return sgd(net, lr, weight_decay=5e-4, nesterov=True)

    def fast_optimizer(self, net):
        return sgd(net, 0.1, weight_decay=5e-4, nesterov=True, fused=True)

    def normalise(self, images, train):
        return (images - train.mean((0, 1, 2), dtype="float64")) / train.std((0, 1, 2), dtype="float64")


EXPERIMENTS = {
    "resnet-cifar": ResNetCIFAR(), "plain-cifar": PlainCIFAR(), "postact-cifar": PostactCIFAR(), "he2015": He2015(),
    "he2015-adamw": He2015AdamW(), "he2015-rmsprop": He2015RMSProp(), "he2015-smoothed": He2015Smoothed(),
    "he2015-bottleneck": He2015Bottleneck(), "he2016-gated": He2016Gated(),
    "he2016-preact-164": He2016Preact164(), "wrn-16-4": WRN(),
}


def load(net, path):
    """Fills net from a checkpoint of ours; every name must fit."""
    tensors = safetensors.torch.load_file(path)
    state = net.state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    if set(state) - counters != set(tensors):
        raise SystemExit(f"{path}: names differ: {sorted((set(state) - counters) ^ set(tensors))}")
    net.load_state_dict(tensors, strict=False)
