"""What every recipe shares: data, batches, the training loop, checkpoints.

Images are float32 [N, 1, 28, 28], normalised (x/255 - MEAN) / STD. The last
5,000 of the 60,000 training images are the validation split: epochs, seeds and
hyper-parameters are chosen there. Only evaluate.py reads the test images.
"""

import argparse
import gzip
import math
import os
import struct
import time

import torch
import torch.nn.functional as F

MEAN, STD = 0.2860, 0.3530  # of all training pixels, scaled to [0, 1]
VALIDATION = 5000  # training images held out, the last of the file
DATA = "/usr/share/datasets/fashion-mnist"  # Debian's dataset-fashion-mnist
PAD = (0 - MEAN) / STD  # what a shift uncovers: black


def arguments(text, epochs, rate, decay=5e-4, **more):
    """Returns the parser of a recipe; more maps further flags to defaults."""
    p = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", default=DATA, help="folder of the IDX files")
    p.add_argument("--out", default="out", help="folder of checkpoints and logs")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--epochs", type=int, default=epochs)
    p.add_argument("--rate", type=float, default=rate, help="peak learning rate")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--decay", type=float, default=decay, help="weight decay")
    p.add_argument("--smooth", type=float, default=0.0, help="label smoothing")
    p.add_argument("--threads", type=int, default=1)
    for name, value in more.items():
        p.add_argument("--" + name, type=type(value), default=value)
    return p


def start(args):
    """Seeds the generators and fixes the threads, as args say."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)


def read_idx(path):
    """Returns the uint8 tensor of a gzipped IDX file."""
    with gzip.open(path, "rb") as f:
        raw = f.read()
    zero, kind, rank = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind != 8:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    return torch.frombuffer(bytearray(raw[4 + 4 * rank :]), dtype=torch.uint8).reshape(shape)


def images(data, part):
    """Returns the normalised images and int64 labels of part: train or t10k."""
    x = read_idx(os.path.join(data, f"{part}-images-idx3-ubyte.gz"))
    y = read_idx(os.path.join(data, f"{part}-labels-idx1-ubyte.gz"))
    x = (x.float().div(255) - MEAN) / STD
    return x.unsqueeze(1), y.long()


def splits(data):
    """Returns (x, y) to train on and (x, y) to validate on."""
    x, y = images(data, "train")
    return (x[:-VALIDATION], y[:-VALIDATION]), (x[-VALIDATION:], y[-VALIDATION:])


def pad(x):
    """Surrounds images with two black pixels, so that a shift is a crop."""
    return F.pad(x, (2, 2, 2, 2), value=PAD)


def crop(padded, dy, dx, flip):
    """Returns 28x28 windows of padded images, one per sample, some mirrored.

    dy and dx lie in 0..4 (2 is the middle); flip is boolean.
    """
    n = torch.arange(len(padded))
    x = padded.unfold(2, 28, 1).unfold(3, 28, 1)[n, :, dy, dx]
    return torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)


def jitter(padded, g):
    """Crops and mirrors a batch at random."""
    n = len(padded)
    dy, dx = torch.randint(0, 5, (2, n), generator=g)
    return crop(padded, dy, dx, torch.rand(n, generator=g) < 0.5)


def erase(x, g, side):
    """Blanks one square of the given side in each image (cutout; DeVries 2017)."""
    if side == 0:
        return x
    top, left = torch.randint(1 - side, 28, (2, len(x), 1), generator=g)
    at = torch.arange(28)
    rows = (at >= top) & (at < top + side)
    cols = (at >= left) & (at < left + side)
    return x.masked_fill((rows.unsqueeze(2) & cols.unsqueeze(1)).unsqueeze(1), 0.0)


@torch.no_grad()
def predict(model, x, batch=500):
    """Returns the logits of x in evaluation mode."""
    model.eval()
    parts = (x[i : i + batch] for i in range(0, len(x), batch))
    return torch.cat([model(p.contiguous(memory_format=torch.channels_last)) for p in parts])


def accuracy(model, x, y):
    """Returns top-1 in percent."""
    return 100 * (predict(model, x).argmax(1) == y).float().mean().item()


def one_cycle(step, total, warm=0.2):
    """Returns the factor on the peak rate: a linear rise, then half a cosine."""
    rise = warm * total
    if step < rise:
        return 0.05 + 0.95 * step / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))


def optimizer(model, args):
    """Returns SGD with Nesterov momentum; biases and norms are not decayed."""
    parts = [[], []]
    for p in model.parameters():
        parts[p.dim() < 2].append(p)
    groups = [{"params": parts[0], "weight_decay": args.decay}, {"params": parts[1], "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=args.rate, momentum=0.9, nesterov=True)


def labels_only(smooth):
    """Returns the loss on labels, for fit; a batch's extra is not used."""
    return lambda out, y, extra: F.cross_entropy(out, y, label_smoothing=smooth)


class Batches:
    """Random batches of the training images, the same for a seed and an epoch."""

    def __init__(self, x, y, args, cut=0):
        self.x, self.y, self.args, self.cut = pad(x), y, args, cut

    def __len__(self):
        return len(self.x) // self.args.batch

    def epoch(self, e):
        """Yields (images, labels, extra); extra is what the loss may need."""
        g = torch.Generator().manual_seed(1000 * self.args.seed + e)
        order = torch.randperm(len(self.x), generator=g)
        for b in range(len(self)):
            i = order[b * self.args.batch : (b + 1) * self.args.batch]
            yield erase(jitter(self.x[i], g), g, self.cut), self.y[i], None


def weights(path):
    """Returns the parameters that a checkpoint holds."""
    return torch.load(path, map_location="cpu")["model"]


def fit(name, model, batches, held, args, loss, after_step=None):
    """Trains model and returns its validation top-1; resumes if interrupted.

    batches is a Batches or its like. after_step(done) runs after each step
    with the fraction of the training that is done. A checkpoint of everything
    is written each epoch, so that the same command goes on where it was.
    """
    model.to(memory_format=torch.channels_last)
    opt, first, best = optimizer(model, args), 0, 0.0
    path = os.path.join(args.out, name + ".ckpt")
    if os.path.exists(path):
        c = torch.load(path)
        model.load_state_dict(c["model"])
        opt.load_state_dict(c["opt"])
        first, best = c["epoch"], c["val"]
    total = args.epochs * len(batches)
    for e in range(first, args.epochs):
        began, cpu = time.time(), time.process_time()
        model.train()
        mean = 0.0
        for b, (x, y, extra) in enumerate(batches.epoch(e)):
            step = e * len(batches) + b
            for group in opt.param_groups:
                group["lr"] = args.rate * one_cycle(step, total)
            opt.zero_grad(set_to_none=True)
            lost = loss(model(x.contiguous(memory_format=torch.channels_last)), y, extra)
            lost.backward()
            opt.step()
            if after_step:
                after_step((step + 1) / total)
            mean += (lost.item() - mean) / (b + 1)
        best = accuracy(model, *held)
        spent, cpu = time.time() - began, time.process_time() - cpu
        print(f"{name}: epoch {e + 1}/{args.epochs} loss {mean:.4f} val {best:.2f} % {spent:.0f} s ({cpu:.0f} s of CPU)", flush=True)
        torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "epoch": e + 1, "val": best}, path + ".tmp")
        os.replace(path + ".tmp", path)
    return best
