"""The networks: ResNet-8, a small MobileNetV2 and the teacher.

Each is a list of blocks, so that pruning only writes another list.
"""

from torch import nn
import torch.nn.functional as F


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, 1x1 where the shape changes.

    inner is the width between the two; pruning narrows it.
    """

    def __init__(self, c_in, inner, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, inner, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, c_out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.short = None
        if stride != 1 or c_in != c_out:
            self.short = nn.Conv2d(c_in, c_out, 1, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.short is None else self.short(x)))


class ResNet(nn.Module):
    """Residual networks for 28x28x1: a stem, blocks, an average, a classifier.

    blocks lists (inner width, output width, stride).
    """

    def __init__(self, stem, blocks):
        super().__init__()
        self.stem = nn.Conv2d(1, stem, 3, 1, 1)
        self.bn = nn.BatchNorm2d(stem)
        widths = [stem] + [b[1] for b in blocks]
        self.blocks = nn.Sequential(*(Residual(c, *b) for c, b in zip(widths, blocks)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.stem(x))))
        return self.fc(self.pool(x).flatten(1))


def resnet8(widths=(16, 32, 64), inner=None):
    """Returns MLPerf Tiny's image-classification ResNet-8 (Banbury et al.,
    2021), its convolutions with bias as there, for 28x28x1."""
    inner = inner or widths
    return ResNet(widths[0], [(i, w, s) for i, w, s in zip(inner, widths, (1, 2, 2))])


def teacher():
    """Returns a wide ResNet that does most of its work at 14x14."""
    return ResNet(32, [(64, 64, 2), (64, 64, 1), (64, 64, 1), (128, 128, 2), (128, 128, 1)])


class Inverted(nn.Module):
    """MobileNetV2's block (Sandler et al., 2018): expand, depthwise, project."""

    def __init__(self, c_in, inner, c_out, stride):
        super().__init__()
        self.residual = stride == 1 and c_in == c_out
        layers = []
        if inner != c_in:
            layers += [nn.Conv2d(c_in, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6()]
        layers += [nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.ReLU6()]
        layers += [nn.Conv2d(inner, c_out, 1, bias=False), nn.BatchNorm2d(c_out)]
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


# MINI lists the blocks of mobilenetv2-mini: (inner width, output width, stride).
MINI = [
    (16, 24, 2), (96, 24, 1), (96, 24, 1),
    (96, 48, 2), (192, 48, 1), (192, 48, 1), (192, 48, 1),
]


class MobileNetV2(nn.Module):
    """A MobileNetV2 for 28x28x1: a stem, inverted residuals, a 1x1 head."""

    def __init__(self, stem=16, blocks=None, head=192):
        super().__init__()
        blocks = blocks or MINI
        widths = [stem] + [b[1] for b in blocks]
        self.stem = nn.Sequential(nn.Conv2d(1, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU6())
        self.blocks = nn.Sequential(*(Inverted(c, *b) for c, b in zip(widths, blocks)))
        self.head = nn.Sequential(nn.Conv2d(widths[-1], head, 1, bias=False), nn.BatchNorm2d(head), nn.ReLU6())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(head, 10)

    def forward(self, x):
        x = self.head(self.blocks(self.stem(x)))
        return self.fc(self.pool(x).flatten(1))


def build(name, state):
    """Returns an untrained network of the family called name (resnet8,
    teacher, mobilenetv2-mini) with the widths of the tensors in state."""
    if name == "mobilenetv2-mini":
        blocks = []
        for i, (_, _, stride) in enumerate(MINI):
            convs = [v for k, v in state.items() if k.startswith(f"blocks.{i}.") and v.dim() == 4]
            blocks.append((convs[-1].shape[1], convs[-1].shape[0], stride))
        return MobileNetV2(len(state["stem.0.weight"]), blocks, len(state["head.0.weight"]))
    model = {"resnet8": resnet8, "teacher": teacher}[name]()
    blocks = []
    for i, b in enumerate(model.blocks):
        w = state[f"blocks.{i}.conv2.weight"]
        blocks.append((w.shape[1], w.shape[0], b.conv1.stride[0]))
    return ResNet(len(state["stem.weight"]), blocks)


def load(name, state):
    """Returns the network called name with the widths and values of state."""
    model = build(name, state)
    model.load_state_dict(state)
    return model
