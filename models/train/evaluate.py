"""Counts a finished network and reads the test images, once per network.

    python3 models/train/evaluate.py --net resnet8 --checkpoint out/resnet8-1.ckpt --to models/zoo/resnet8/baseline.onnx

Prints the figures, keeps them in out/figures.json for card.py and writes the
ONNX file if --to names one. A network whose figures are there is not evaluated
again: the test set decides nothing. Run one at a time: figures.json is one file.
"""

import argparse
import json
import os

import onnx
import torch
from torch import nn

import common
import export
import nets


def macs(model):
    """Returns the multiply-adds of convolutions and classifier for one image."""
    total = []

    def count(layer, _, out):
        places = out.shape[2] * out.shape[3] if out.dim() == 4 else 1
        total.append(layer.weight.numel() * places)

    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    model.eval()(torch.zeros(1, 1, 28, 28))
    return sum(total)


def sparsity(model):
    """Returns the share of zeros among the weights of convolutions and classifier."""
    w = [m.weight.detach().flatten() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    w = torch.cat(w)
    return (w == 0).float().mean().item()


def figures(net, path, data):
    """Returns what the card says of the network in the checkpoint at path."""
    state = common.weights(path)
    model = nets.load(net, state).to(memory_format=torch.channels_last)
    _, held = common.splits(data)
    test = common.images(data, "t10k")
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": macs(nets.load(net, state)),
        "sparsity": round(sparsity(model), 4),
        "val": round(common.accuracy(model, *held), 2),
        "top1": round(common.accuracy(model, *test), 2),
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--net", required=True)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--to", default="", help="the ONNX file to write")
    p.add_argument("--data", default=common.DATA, help="folder of the IDX files")
    args = p.parse_args()
    torch.set_num_threads(1)
    out, name = os.path.split(os.path.splitext(args.checkpoint)[0])
    book = os.path.join(out, "figures.json")
    known = {}
    if os.path.exists(book):
        with open(book) as f:
            known = json.load(f)
    if name not in known:
        known[name] = figures(args.net, args.checkpoint, args.data)
        with open(book, "w") as f:
            json.dump(known, f, indent=1)
    print(name, known[name])
    if args.to:
        os.makedirs(os.path.dirname(args.to), exist_ok=True)
        onnx.save(export.to_onnx(nets.load(args.net, common.weights(args.checkpoint))), args.to)


if __name__ == "__main__":
    main()
