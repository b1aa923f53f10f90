"""Trains the teacher, a wide ResNet, on labels.

    python3 models/train/teacher.py --seed 1 --epochs 10
"""

import common
import nets


def main():
    args = common.arguments(__doc__, epochs=10, rate=0.1, cut=0).parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    loss = common.labels_only(args.smooth)
    common.fit(f"teacher-{args.seed}", nets.teacher(), common.Batches(x, y, args, args.cut), held, args, loss)


if __name__ == "__main__":
    main()
