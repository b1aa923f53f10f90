"""Trains the student, resnet8 at half its widths, with or without a teacher.

    python3 models/train/student.py --seed 1
    python3 models/train/student.py --seed 1 --teacher out/teacher-1.ckpt

Both see the same batches: each training image in VIEWS crops (one of 25 shifts,
mirrored or not), drawn once and gone through in turn, one per epoch. So the
teacher runs VIEWS times over the images, not once per epoch and seed; its
logits are kept beside the checkpoints. Distillation after Hinton et al. (2015).
"""

import os

import torch
import torch.nn.functional as F

import common
import nets

VIEWS = 3
WIDTHS = (8, 16, 32)


class Views:
    """Batches over a finite set of crops, with the teacher's logits if any."""

    def __init__(self, x, y, args):
        self.x, self.y, self.args, self.logits = common.pad(x), y, args, None
        g = torch.Generator().manual_seed(0)  # the same views for every seed
        self.dy, self.dx = torch.randint(0, 5, (2, VIEWS, len(x)), generator=g)
        self.flip = torch.rand(VIEWS, len(x), generator=g) < 0.5

    def __len__(self):
        return len(self.x) // self.args.batch

    def crop(self, v, i):
        return common.crop(self.x[i], self.dy[v, i], self.dx[v, i], self.flip[v, i])

    def epoch(self, e):
        g = torch.Generator().manual_seed(1000 * self.args.seed + e)
        order = torch.randperm(len(self.x), generator=g)
        v = e % VIEWS
        for b in range(len(self)):
            i = order[b * self.args.batch : (b + 1) * self.args.batch]
            yield self.crop(v, i), self.y[i], None if self.logits is None else self.logits[v, i]

    def ask(self, teacher, path):
        """Fills logits from the file, or from the teacher view by view."""
        done = torch.load(path) if os.path.exists(path) else []
        for v in range(len(done), VIEWS):
            done.append(common.predict(teacher, self.crop(v, torch.arange(len(self.x)))))
            torch.save(done, path)
            print(f"teacher: view {v + 1}/{VIEWS}", flush=True)
        self.logits = torch.stack(done)


def distil(heat, share):
    """Returns Hinton's loss: share on the teacher's softened answer."""

    def loss(out, y, logits):
        soft = F.kl_div(F.log_softmax(out / heat, 1), F.softmax(logits / heat, 1), reduction="batchmean")
        return share * heat * heat * soft + (1 - share) * F.cross_entropy(out, y)

    return loss


def main():
    p = common.arguments(__doc__, epochs=6, rate=0.1, decay=2e-4, teacher="", heat=4.0, share=0.9)
    p.add_argument("--ask", action="store_true", help="only fill the teacher's logits")
    args = p.parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    views, loss, name = Views(x, y, args), common.labels_only(args.smooth), "plain"
    if args.teacher:
        teacher = nets.load("teacher", common.weights(args.teacher)).to(memory_format=torch.channels_last)
        views.ask(teacher, os.path.join(args.out, "teacher-logits.pt"))
        loss, name = distil(args.heat, args.share), "distilled"
    if not args.ask:
        torch.manual_seed(args.seed)
        common.fit(f"student-{name}-{args.seed}", nets.resnet8(WIDTHS), views, held, args, loss)


if __name__ == "__main__":
    main()
