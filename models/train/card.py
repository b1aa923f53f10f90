"""Writes what the recipes made into the cards of the zoo.

    python3 models/train/card.py --figures out/figures.json

runs.yaml says which run became which variant, and how; figures.json (made by
evaluate.py) says how good it is. Variants of other makers, such as int8-qdq,
and keys that this script does not know stay as they are.
"""

import argparse
import hashlib
import json
import os

import yaml


class Flow(dict):
    """A mapping written on one line."""


yaml.SafeDumper.add_representer(
    Flow, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True))
yaml.SafeDumper.add_representer(
    list, lambda d, v: d.represent_sequence(
        "tag:yaml.org,2002:seq", v, flow_style=not any(isinstance(i, dict) for i in v)))


def row(run, known):
    """Returns one line of a card's list of runs: what was tried, what it gave."""
    line = {k: v for k, v in run.items() if k != "run"}
    return Flow(line, val=known[run["run"]]["val"], top1=known[run["run"]]["top1"])


def variant(entry, known, zoo):
    """Returns the card's text for one variant."""
    path = os.path.join(zoo, entry["file"])
    with open(path, "rb") as f:
        raw = f.read()
    fig = known[entry["run"]]
    v = {"file": entry["file"], "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    v.update(parameters=fig["parameters"], macs=fig["macs"])
    if fig["sparsity"] > 0.01:
        v["sparsity"] = fig["sparsity"]
    v.update(top1=fig["top1"], recipe=entry["recipe"], trained=entry["trained"])
    for key in ("seeds", "students"):
        if key in entry:
            v[key] = [row(r, known) for r in entry[key]]
    if "teacher" in entry:
        t = dict(entry["teacher"])
        fig = known[t.pop("run")]
        v["teacher"] = Flow(t, parameters=fig["parameters"], macs=fig["macs"], val=fig["val"], top1=fig["top1"])
    for key in ("missed", "notes"):
        if key in entry:
            v[key] = Flow(entry[key]) if isinstance(entry[key], dict) else entry[key]
    return v


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--figures", default="out/figures.json")
    p.add_argument("--zoo", default="models/zoo")
    args = p.parse_args()
    with open(args.figures) as f:
        known = json.load(f)
    with open(os.path.join(here, "runs.yaml")) as f:
        models = yaml.safe_load(f)
    for name, made in models.items():
        if not any(e["run"] in known for e in made["variants"].values()):
            continue
        path, card = os.path.join(args.zoo, name + ".yaml"), {}
        if os.path.exists(path):
            with open(path) as f:
                card = yaml.safe_load(f)
        card = {"name": name, "kind": "model", **made["card"], "variants": {}, **card}
        card.update(made["card"])
        for key in ("input", "output"):
            card[key] = Flow(card[key])
        for kind, entry in made["variants"].items():
            if entry["run"] in known:
                card["variants"][kind] = variant(entry, known, args.zoo)
        for v in card["variants"].values():
            for key in {"seeds", "students"} & set(v):
                v[key] = [Flow(r) for r in v[key]]
        with open(path, "w") as f:
            yaml.safe_dump(card, f, sort_keys=False, width=1000, allow_unicode=True)


if __name__ == "__main__":
    main()
