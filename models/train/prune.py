"""Removes half of the channels inside a trained network's blocks, trains on.

    python3 models/train/prune.py --net resnet8 --from out/resnet8-1.ckpt --epochs 7

Prunable are the layers whose output no addition shares (Li et al., 2017): in
resnet8 the first convolution of each block, in mobilenetv2-mini the stem, all
expanded layers and the head. A channel's importance is its batch norm's scale,
that is the deviation of what it passes on, times the norm of the weights that
read it. The smaller network starts from the kept channels.
"""

import torch

import common
import nets


def half(scale, *readers):
    """Returns the indices of the more important half of the channels.

    scale is a norm's weight; readers are the weights that read the channels,
    the channel being their second axis.
    """
    reads = sum(r.transpose(0, 1).flatten(1).square().sum(1) for r in readers)
    worth = scale.abs() * reads.sqrt()
    return worth.topk(len(worth) // 2).indices.sort().values


def take(state, keep, norm, writers, readers):
    """Narrows state, in place, to the channels in keep."""
    for key in list(state):
        layer, _, field = key.rpartition(".")
        if (layer in norm or layer in writers) and state[key].dim() > 0:
            state[key] = state[key][keep]
        elif layer in readers and field == "weight":
            state[key] = state[key][:, keep]


def prune_resnet(state):
    for i in range(3):
        b = f"blocks.{i}"
        keep = half(state[b + ".bn1.weight"], state[b + ".conv2.weight"])
        take(state, keep, [b + ".bn1"], [b + ".conv1"], [b + ".conv2"])


def prune_mobilenet(state):
    """Layers of a block's body: 0 expand, 1 norm, 3 depthwise, 4 norm, 6
    project; block 0 has no expansion and reads the stem."""
    depth = len(nets.MINI)
    keep = half(state["blocks.0.body.1.weight"], state["blocks.0.body.3.weight"])
    take(state, keep, ["stem.1", "blocks.0.body.1"], ["stem.0", "blocks.0.body.0"], ["blocks.0.body.3"])
    for i in range(1, depth):
        b = f"blocks.{i}.body"
        keep = half(state[b + ".4.weight"], state[b + ".6.weight"])
        take(state, keep, [b + ".1", b + ".4"], [b + ".0", b + ".3"], [b + ".6"])
    keep = half(state["head.1.weight"], state["fc.weight"])
    take(state, keep, ["head.1"], ["head.0"], ["fc"])


PRUNERS = {"resnet8": prune_resnet, "mobilenetv2-mini": prune_mobilenet}


def main():
    p = common.arguments(__doc__, epochs=7, rate=0.05, decay=2e-4)
    p.add_argument("--net", required=True, choices=PRUNERS)
    p.add_argument("--from", required=True, dest="base", help="checkpoint of the baseline")
    args = p.parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    state = common.weights(args.base)
    PRUNERS[args.net](state)
    model = nets.load(args.net, state)
    print(f"before training: val {common.accuracy(model, *held):.2f} %", flush=True)
    loss = common.labels_only(args.smooth)
    common.fit(f"{args.net}-pruned-{args.seed}", model, common.Batches(x, y, args), held, args, loss)


if __name__ == "__main__":
    main()
