"""Trains resnet8's baseline.

    python3 models/train/resnet8.py --seed 1 --epochs 20
"""

import common
import nets


def main():
    args = common.arguments(__doc__, epochs=20, rate=0.1, decay=3e-4).parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    loss = common.labels_only(args.smooth)
    common.fit(f"resnet8-{args.seed}", nets.resnet8(), common.Batches(x, y, args), held, args, loss)


if __name__ == "__main__":
    main()
