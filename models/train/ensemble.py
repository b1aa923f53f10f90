"""Asks whether finished networks together reach what one teacher does not.

    python3 models/train/ensemble.py out/teacher-1.ckpt out/resnet8-1.ckpt

Averages the log-probabilities of the networks over each image and its mirror
image and prints the accuracy on the validation split. The test set is not read:
what stays below the target there needs no second look.
"""

import argparse
import os

import common
import nets


def name_of(path):
    """Returns the network's name in nets.py: the checkpoint's without its seed."""
    return os.path.basename(path).rsplit("-", 1)[0]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoints", nargs="+")
    p.add_argument("--data", default=common.DATA)
    args = p.parse_args()
    _, (x, y) = common.splits(args.data)
    total = 0
    for path in args.checkpoints:
        model = nets.load(name_of(path), common.weights(path))
        both = sum(common.predict(model, v).log_softmax(1) for v in (x, x.flip(3)))
        print(f"{path}: {(both.argmax(1) == y).float().mean().item():.2%}")
        total = total + both
    print(f"together: {(total.argmax(1) == y).float().mean().item():.2%}")


if __name__ == "__main__":
    main()
