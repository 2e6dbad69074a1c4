"""The nets and optimizers of configs/*.yaml in PyTorch, with the names of our checkpoints."""
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

    def __init__(self, inputs, outputs, norm):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs, **norm), conv(inputs, outputs, 3)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs, **norm), conv(outputs, outputs, 3)
        self.pools = inputs != outputs
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

    def __init__(self, inputs, outputs, norm):
        super().__init__(inputs, outputs, norm)
        if self.pools:
            del self.shortcut

    def forward(self, x):
        y = F.max_pool2d(x, 2) if self.pools else x
        y = self.conv1(F.relu(self.bn1(y)))
        return self.conv2(F.relu(self.bn2(y)))


class PoolingPostact(nn.Module):
    """conv-BN-ReLU-conv-BN, the addition, ReLU. A Unit that changes the shape max-pools its main path; its shortcut is a 1x1
    convolution with stride 2 and BN over the input as it was before the pooling."""

    def __init__(self, inputs, outputs, norm):
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

    def __init__(self, inputs, outputs, norm):
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.zeros = outputs - inputs
        self.conv1, self.bn1 = conv(inputs, outputs, 3, self.stride, bias=False), nn.BatchNorm2d(outputs, **norm)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, bias=False), nn.BatchNorm2d(outputs, **norm)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.zeros))
        return F.relu(shortcut + y)


class Net(nn.Module):
    def __init__(self, unit, filters, units, norm, preact, classes=10):
        super().__init__()
        self.preact = preact
        self.stem = nn.ModuleDict({"conv": conv(3, filters[0], 3, bias=preact)})
        if not preact:
            self.stem["bn"] = nn.BatchNorm2d(filters[0], **norm)
        stages, inputs = [], filters[0]
        for outputs in filters:
            stages.append(nn.ModuleDict({"units": nn.ModuleList(
                unit(inputs if u == 0 else outputs, outputs, norm) for u in range(units))}))
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


def sgd(net, lr, **how):
    """SGD of He et al. 2015, weight decay on the weights of convolutions and the dense layer only."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim == 1]
    return torch.optim.SGD([{"params": weights, "weight_decay": 1e-4}, {"params": others}], lr=lr, momentum=0.9, **how)


class ResNetCIFAR:
    """configs/resnet-cifar.yaml: 12 pre-activation Units. Normalised by one mean and a deviation for each pixel and channel."""

    unit = Preact

    def net(self, filters=(32, 64, 128, 256), units=3):
        return Net(self.unit, filters, units, dict(momentum=0.01, eps=1e-3), preact=True)

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

    def net(self, filters=(16, 32, 64), units=3):
        return Net(Postact, filters, units, dict(momentum=0.1, eps=1e-5), preact=False)

    def small(self):
        return self.net((4, 8, 16), 1)

    def optimizer(self, net, lr=0.1):
        return sgd(net, lr)

    def fast_optimizer(self, net):
        return sgd(net, 0.1, fused=True)

    def normalise(self, images, train):
        return images - train.mean(0, dtype="float64")


EXPERIMENTS = {"resnet-cifar": ResNetCIFAR(), "plain-cifar": PlainCIFAR(), "postact-cifar": PostactCIFAR(), "he2015": He2015()}


def load(net, path):
    """Fills net from a checkpoint of ours; every name must fit."""
    tensors = safetensors.torch.load_file(path)
    state = net.state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    if set(state) - counters != set(tensors):
        raise SystemExit(f"{path}: names differ: {sorted((set(state) - counters) ^ set(tensors))}")
    net.load_state_dict(tensors, strict=False)
