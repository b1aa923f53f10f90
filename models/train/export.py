"""Writes a checkpoint as ONNX, batch normalisation kept.

    python3 models/train/export.py --net resnet8 --checkpoint out/resnet8-1.ckpt --to models/zoo/resnet8/baseline.onnx

Folding and fusing are the engines' work, so the graph stays as trained.
"""

import argparse
import io
import os

import onnx
import torch

import common
import nets

OPSET = 13  # the lowest with per-channel QuantizeLinear


def undouble(graph):
    """Gives each equal tensor its own initializer again: PyTorch keeps one and
    reads it through Identity nodes, which no engine should have to fold."""
    held = {t.name: t for t in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "Identity" and n.input[0] in held]:
        copy = graph.initializer.add()
        copy.CopyFrom(held[node.input[0]])
        copy.name = node.output[0]
        graph.node.remove(node)


def to_onnx(model):
    """Returns the checked ModelProto of model: input [N,1,28,28], logits [N,10]."""
    buf = io.BytesIO()
    torch.onnx.export(
        model.eval().to(memory_format=torch.contiguous_format), torch.zeros(1, 1, 28, 28), buf,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=True, opset_version=OPSET,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
    )
    m = onnx.load_from_string(buf.getvalue())
    for node in m.graph.node:
        node.doc_string = ""  # PyTorch writes source paths here
        if node.op_type == "BatchNormalization":
            mode = [a.i for a in node.attribute if a.name == "training_mode"]
            if mode not in ([], [0]) or len(node.output) != 1:
                raise ValueError(f"{node.name}: batch normalisation in training mode")
    undouble(m.graph)
    m.graph.name = "main"
    onnx.checker.check_model(m, full_check=True)
    return m


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", required=True)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--to", required=True)
    args = p.parse_args()
    os.makedirs(os.path.dirname(args.to), exist_ok=True)
    onnx.save(to_onnx(nets.load(args.net, common.weights(args.checkpoint))), args.to)


if __name__ == "__main__":
    main()
