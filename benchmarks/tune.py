"""Choose inference parameters of a tracker on a VALIDATION split, by coordinate search; every trial is logged.

    python benchmarks/tune.py --data pool:VAL_ROOT --weights lockon-s.onnx --out tune.jsonl

Never give it a test split: parameters chosen there make every later figure on it worthless. The metric is AO (mean IoU
without the first frame, mean over sequences). Each parameter is tried at a few values around the best so far, one after
the other, until a whole round brings nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import lockon
from lockon.bench import metrics
from lockon.data.datasets.registry import load_dataset

VALUES: dict[str, tuple[float, ...]] = {
    "localizer.window": (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    "localizer.penalty": (0.0, 0.02, 0.04, 0.08, 0.12, 0.2),
    "localizer.smoothing": (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0),
    "localizer.top": (1, 3, 5),
    "search_factor": (3.25, 3.5, 3.75, 4.0, 4.25),
}


def average_overlap(weights: Path, device: str, sequences: list[Any], frames: list[list[Any]], overrides: Mapping[str, Any]) -> list[float]:
    """AO of every sequence under the given parameters."""
    tracker = lockon.load("lockon-s", weights=weights, device=device, **overrides)
    values = []
    for sequence, images in zip(sequences, frames, strict=True):
        tracker.init(images[0], sequence.boxes[0])
        boxes = np.stack([sequence.boxes[0], *(tracker.track(image).box for image in images[1:])])
        values.append(metrics.average_overlap(boxes, sequence.boxes, visible=np.isfinite(sequence.boxes).all(1)))
    return values


def main() -> None:
    """Run the search; the best parameters are the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="validation data, NAME:ROOT or pool:ROOT")
    parser.add_argument("--weights", type=Path, required=True, help=".onnx or .safetensors")
    parser.add_argument("--out", type=Path, required=True, help="log, one JSON line per trial")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="start value, for example localizer.window=0.4")
    args = parser.parse_args()
    sequences = load_dataset(args.data)
    frames = [[sequence.frames[index] for index in range(len(sequence))] for sequence in sequences]
    best: dict[str, Any] = {key: float(value) for key, _, value in (item.partition("=") for item in args.set)}
    with args.out.open("a") as log:

        def trial(overrides: Mapping[str, Any]) -> float:
            values = average_overlap(args.weights, args.device, sequences, frames, overrides)
            record = {"overrides": dict(overrides), "AO": float(np.mean(values)), "sequences": [round(v, 4) for v in values]}
            log.write(json.dumps(record) + "\n")
            log.flush()
            print(f"{record['AO']:.4f}  {dict(overrides)}", flush=True)
            return float(record["AO"])

        score = trial(best)
        for _ in range(args.rounds):
            before = score
            for name, choices in VALUES.items():
                for value in choices:
                    if best.get(name) == value:
                        continue
                    tried = {**best, name: int(value) if name.endswith("top") else value}
                    found = trial(tried)
                    if found > score + 1e-4:
                        best, score = tried, found
            if score <= before + 1e-3:
                break
        print(f"best {score:.4f}  {best}")


if __name__ == "__main__":
    main()
