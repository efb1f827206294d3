"""The rules of each server: names of the sequences, and the files of one sequence in the archive.

    got10k        GOT-10k_Test_000001/GOT-10k_Test_000001_001.txt and ..._time.txt, 180 folders
    trackingnet   NAME.txt, 511 files; the names come from the dataset
    vot           EXPERIMENT/NAME/NAME_001.txt ..., and manifest.yml

GOT-10k and TrackingNet want x,y,w,h separated by commas, one box per frame, never NaN. Sources: got-10k/toolkit
experiments/got10k.py (report), votchallenge/toolkit utilities/cli.py (pack), and the instructions of the TrackingNet challenge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockon.errors import unknown_name


@dataclass(frozen=True, slots=True)
class Server:
    """What one server expects.

    Attributes:
        name: As users type it.
        title: For messages.
        dataset: The dataset that it scores, as lockon calls it; "" for several.
        count: Number of sequences, 0 where that depends on the dataset.
        names: The sequences where their names follow a rule.
        boxes: Pattern of the path of a file of boxes with the group `name`; anything else in the archive that matches
            `others` is looked over, the rest is extra.
        others: Pattern of files beside the boxes.
        codes: Whether lines may be codes, polygons and masks.
        needs_times: Whether each sequence needs a file of times.
    """

    name: str
    title: str
    dataset: str
    count: int
    names: tuple[str, ...]
    boxes: re.Pattern[str]
    others: re.Pattern[str]
    codes: bool = False
    needs_times: bool = False


_NEVER = re.compile(r"(?!)")
SERVERS: dict[str, Server] = {
    "got10k": Server(
        name="got10k",
        title="the GOT-10k server",
        dataset="GOT10k_test",
        count=180,
        names=tuple(f"GOT-10k_Test_{number:06d}" for number in range(1, 181)),
        boxes=re.compile(r"(?P<name>[^/]+)/(?P=name)_(?P<repetition>\d{3})\.txt"),
        others=re.compile(r"(?P<name>[^/]+)/(?P=name)_time\.txt"),
        needs_times=True,
    ),
    "trackingnet": Server(
        name="trackingnet",
        title="the TrackingNet server",
        dataset="TrackingNet",
        count=511,
        names=(),
        boxes=re.compile(r"(?P<name>[^/]+)\.txt"),
        others=_NEVER,
    ),
    "vot": Server(
        name="vot",
        title="the VOT toolkit",
        dataset="",
        count=0,
        names=(),
        boxes=re.compile(r"(?P<experiment>[^/]+)/(?P<name>[^/]+)/(?P=name)_(\d{3}|\d{8})\.(txt|bin)"),
        others=re.compile(r"manifest\.yml|[^/]+/(?P<name>[^/]+)/(?P=name)_.*\.value"),
        codes=True,
    ),
}


def get_server(name: str) -> Server:
    """Return the server of that name.

    Raises:
        LockonError: No such server.
    """
    if name not in SERVERS:
        raise unknown_name("server in --for", name, SERVERS)
    return SERVERS[name]


__all__ = ["SERVERS", "Server", "get_server"]
