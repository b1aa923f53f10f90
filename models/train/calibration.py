"""Picks the images on which quantizers calibrate, and copies the test split.

    python3 models/train/calibration.py --zoo models/zoo

Calibration: 512 images of the training split's first 55,000 (no validation
image is among them), as many of each class as of any other give or take one,
in random order. The same seed gives the same bytes.
"""

import argparse
import gzip
import os
import shutil
import struct

import torch

import common

SAMPLES = 512


def pick(labels, seed):
    """Returns the indices of the chosen images, shuffled."""
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=g)
    classes = int(labels.max()) + 1
    kept = []
    for c in range(classes):
        share = SAMPLES // classes + (c < SAMPLES % classes)
        kept.append(order[labels[order] == c][:share])
    kept = torch.cat(kept)
    return kept[torch.randperm(len(kept), generator=g)]


def write_idx(path, t):
    """Writes a uint8 tensor as gzipped IDX, without name or time."""
    head = struct.pack(f">HBB{t.dim()}I", 0, 8, t.dim(), *t.shape)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(head + t.contiguous().numpy().tobytes())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default=common.DATA, help="folder of the IDX files")
    p.add_argument("--zoo", default="models/zoo")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    to = os.path.join(args.zoo, "fashion-mnist")
    os.makedirs(to, exist_ok=True)
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        shutil.copyfile(os.path.join(args.data, name), os.path.join(to, name))
    x = common.read_idx(os.path.join(args.data, "train-images-idx3-ubyte.gz"))[: -common.VALIDATION]
    y = common.read_idx(os.path.join(args.data, "train-labels-idx1-ubyte.gz"))[: -common.VALIDATION]
    i = pick(y, args.seed)
    write_idx(os.path.join(to, "calibration-images-idx3-ubyte.gz"), x[i])
    write_idx(os.path.join(to, "calibration-labels-idx1-ubyte.gz"), y[i])


if __name__ == "__main__":
    main()
