"""Zeroes 90 % of a trained network's weights, one by one, while it trains on.

    python3 models/train/sparsify.py --net resnet8 --from out/resnet8-1.ckpt --epochs 7

Gradual magnitude pruning: the share of zeros rises along the cubic of Zhu and
Gupta (2017) during the first six tenths of the training, then the mask is held.
Layers share the zeros by LAMP (Lee et al., 2021, equation 4). The stem, 144
weights, stays dense; the depthwise convolutions, 8 % of mobilenetv2-mini's
weights, cannot. The share counts all weights of convolutions and of the
classifier, biases and norms apart.
"""

import torch
from torch import nn

import common
import nets

RAMP = 0.6  # fraction of the training during which the share rises
EVERY = 50  # steps between two updates of the mask


def layers(model):
    """Returns the weights of all convolutions and the classifier, and those
    of them that may be zeroed."""
    every, some = [], []
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            every.append(m.weight)
            if isinstance(m, nn.Linear) or m.in_channels > 1:
                some.append(m.weight)
    return every, some


def lamp(w):
    """Returns each weight's square over the sum of the squares not below it."""
    square, order = w.detach().flatten().square().sort()
    rest = square.flip(0).cumsum(0).flip(0)
    score = torch.empty_like(square)
    score[order] = square / rest.clamp_min(1e-30)
    return score.view_as(w)


class Mask:
    """Keeps the zeros of a model during fit."""

    def __init__(self, model, share):
        every, self.weights = layers(model)
        self.goal = share * sum(w.numel() for w in every)
        self.kept = [(w != 0).float() for w in self.weights]
        self.steps = 0

    def update(self, share):
        """Zeroes the lowest-scoring weights, share of the goal of them."""
        scores = [lamp(w) for w in self.weights]
        n = int(share * self.goal) + 1
        limit = torch.cat([s.flatten() for s in scores]).kthvalue(n).values
        self.kept = [(s > limit).float() for s in scores]

    @torch.no_grad()
    def after_step(self, done):
        self.steps += 1
        if done <= RAMP and self.steps % EVERY == 0:
            self.update(1 - (1 - done / RAMP) ** 3)
        elif not self.full and done > RAMP:
            self.update(1)
        for w, k in zip(self.weights, self.kept):
            w.mul_(k)

    @property
    def full(self):
        return sum(k.numel() - k.sum().item() for k in self.kept) >= self.goal


def main():
    p = common.arguments(__doc__, epochs=7, rate=0.05, decay=1e-4, share=0.902)
    p.add_argument("--net", required=True)
    p.add_argument("--from", required=True, dest="base", help="checkpoint of the baseline")
    args = p.parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    model = nets.load(args.net, common.weights(args.base))
    mask = Mask(model, args.share)
    loss = common.labels_only(args.smooth)
    name = f"{args.net}-sparse-{args.seed}"
    common.fit(name, model, common.Batches(x, y, args), held, args, loss, mask.after_step)


if __name__ == "__main__":
    main()
