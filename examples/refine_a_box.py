"""A tracker's box, the refined one and the mask in one picture.

python examples/refine_a_box.py clip.mp4 100,80,40,60 csrt 0 60
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import lockon
from lockon.draw import draw_result
from lockon.video import open_frames

bundled = (str(Path(lockon.__file__).parent / "assets" / "big_buck_bunny.mp4"), "86,25,217,287", "csrt", "60", "120")
source, start, name, first, last = sys.argv[1:] or bundled  # a video, the box in its frame `first`, a tracker, and the frame to show

tracker = lockon.load(name)
refiner = lockon.load_refiner("refine-s")
with open_frames(source, int(first)) as frames:
    for index, frame in frames:
        if index == int(first):
            box = [float(number) for number in start.split(",")]
            tracker.init(frame, box)
            refiner.init(frame, box)
            continue
        base = tracker.track(frame)
        if index == int(last):
            break
refined = refiner.refine(frame, base.box, mask=True)

masks = np.stack([np.zeros_like(refined.mask), refined.mask])
both = lockon.Result(np.stack([base.box, refined.box]), np.array([base.score, refined.score]), ("tracked", "tracked"), masks)
cv2.imwrite("refined.png", draw_result(frame, both, (name, "refine-s"))[..., ::-1])
print("tracker", base.box.round(1), "refined", refined.box.round(1), f"mask of {refined.mask.sum()} pixels; see refined.png")
