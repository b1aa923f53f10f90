"""Trains mobilenetv2-mini's baseline.

    python3 models/train/mobilenetv2_mini.py --seed 1 --epochs 14
"""

import common
import nets


def main():
    args = common.arguments(__doc__, epochs=14, rate=0.1, decay=2e-4).parse_args()
    common.start(args)
    (x, y), held = common.splits(args.data)
    loss = common.labels_only(args.smooth)
    common.fit(f"mobilenetv2-mini-{args.seed}", nets.MobileNetV2(), common.Batches(x, y, args), held, args, loss)


if __name__ == "__main__":
    main()
