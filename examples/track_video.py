"""Track the bundled clip, or a video of yours.

python examples/track_video.py clip.mp4 100,80,40,60
"""

import sys
from pathlib import Path

import lockon

bundled = (str(Path(lockon.__file__).parent / "assets" / "big_buck_bunny.mp4"), "116.5,127.5,146,152.5")
source, box = sys.argv[1:] or bundled

for result in lockon.track(source, [float(number) for number in box.split(",")]):
    print(result.box.round(1), round(result.score, 2), result.state)
