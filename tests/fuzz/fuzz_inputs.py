"""The six kinds of fuzzed inputs: small valid ones, and from a random number a damaged one with the commands that read it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutations import HOSTILE_NAMES, SPECIAL_NUMBERS, mutate, nest, put_floats, put_name, put_number

from lockon.annotations import BoxWriter, VideoInfo
from lockon.types import Result
from lockon.video_write import VideoWriter
from lockon.zoo.registry import card
from moving_square import HEIGHT, WIDTH, box_of, picture

FRAMES = 6
BOX = ",".join(map(str, box_of(0)))
CANARY = "lockon_fuzz_canary"  # a module that notes that it was run
SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "mot": ".txt"}
IMAGES = (".jpg", ".png", ".webp")
ONLINE = "compact-dimp"  # the name that networks to learn on are stored under

# A command is the words of the command line, or a function of the library where no command is light enough.
Command = list[str] | Callable[[], object]


@dataclass(frozen=True)
class Place:
    """Where an input is made: `bases` has the valid ones, `inside` takes the damaged one, `out` what is written, `outside` must stay."""

    bases: Path
    inside: Path
    out: Path
    outside: Path
    random: Random

    def tracked(self, source: Path | str, *more: str, tracker: str = "kcf") -> list[str]:
        """Return the command that tracks two or three frames."""
        save = self.random.choice((".csv", ".jsonl", ".txt", ".json", ".xml"))
        return [
            "track",
            str(source),
            "--box",
            BOX,
            "--frames",
            "3",
            "-q",
            "--save",
            str(self.out / f"boxes{save}"),
            "--tracker",
            tracker,
            *more,
        ]

    def damaged(self, base: Path, name: str = "", *, text: bool) -> Path:
        """Write a damaged copy of a valid file."""
        path = self.inside / (name or base.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate(base.read_bytes(), self.random, text=text))
        return path

    def benched(self, dataset: str) -> list[str]:
        """Return the command that runs a tracker over a dataset."""
        return ["bench", "run", "--trackers", "kcf", "--data", dataset, "--out", str(self.out / "runs"), "--workers", "0"]


@dataclass(frozen=True)
class Kind:
    """A kind of input: how its valid files are made, and how one is damaged; what it needs beside the core."""

    prepare: Callable[[Path], None]
    make: Callable[[Place], list[Command]]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def write_clip(path: Path) -> None:
    with VideoWriter(path, 25) as writer:
        for frame in range(FRAMES):
            writer.write(picture(frame))


def prepare_boxes(bases: Path) -> None:
    write_clip(bases / "clip.mp4")
    for form, suffix in SUFFIXES.items():
        with BoxWriter(bases / f"boxes{suffix}", VideoInfo("clip.mp4", WIDTH, HEIGHT), form) as writer:
            for frame in range(FRAMES):
                writer.write(frame, Result(np.array(box_of(frame), float), 0.9, "lost" if frame == 3 else "tracked"))
    (bases / "plain.txt").write_text("".join(f"{','.join(map(str, box_of(frame)))}\n" for frame in range(FRAMES)))


def make_boxes(place: Place) -> list[Command]:
    choice = place.random.randrange(4)
    if choice < 2:
        boxes = place.damaged(place.bases / f"boxes{place.random.choice(list(SUFFIXES.values()))}", text=True)
        refined = place.out / f"refined{place.random.choice(list(SUFFIXES.values()))}"
        return [["refine", str(place.bases / "clip.mp4"), str(boxes), "-q", "--save", str(refined)]]
    shutil.copy(place.bases / "clip.mp4", place.inside / "clip.mp4")
    place.damaged(
        place.bases / place.random.choice(("plain.txt", "boxes.csv", "boxes.txt")), f"clip.{place.random.choice(('txt', 'csv'))}", text=True
    )
    data = f"folder:{place.inside}"
    if choice == 2:
        return [["data", "check", data], place.benched(data)]
    results = place.inside / "results" / "mine"
    for name in ("clip.mp4", "clip.txt", "clip.csv"):
        if (place.inside / name).is_file():
            (place.inside / "data").mkdir(exist_ok=True)
            shutil.move(place.inside / name, place.inside / "data" / name)
    place.damaged(place.bases / "plain.txt", "results/mine/clip.txt", text=True)
    runs = str(place.out / "runs")
    data = f"folder:{place.inside / 'data'}"
    return [["bench", "import", str(results.parent), "--data", data, "--out", runs], ["bench", "report", runs, "--format", "json"]]


def prepare_annotations(bases: Path) -> None:
    from made_results import HALF, PERFECT, add, make_record, reset_record
    from tiny_benchmarks import build
    from tiny_train_sets import make_coco, make_det, make_vid

    from lockon.bench.store import Store

    for name in ("OTB100", "UAV123", "VOT2018", "VOT2020", "GOT10k_val", "LaSOT", "TrackingNet", "NFS30", "DAVIS2017"):
        build(name, bases / "sets" / name)
    for name, make in (("COCO", make_coco), ("DET", make_det), ("VID", make_vid)):
        make(bases / "sets" / name)
    store = Store(bases / "results")
    add(store, "kcf", make_record("walk", PERFECT), make_record("run", HALF), size=9)
    add(store, "other", make_record("walk", HALF), reset_record("walk", "sttts", [5.0, 5, 10, 10]))
    (bases / "results" / "notes.md").write_text("a note\n")


def make_annotations(place: Place) -> list[Command]:
    random = place.random
    name = random.choice([*sorted(path.name for path in (place.bases / "sets").iterdir()), *["results"] * 6])
    source = place.bases / ("results" if name == "results" else f"sets/{name}")
    root = shutil.copytree(source, place.inside / name)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    texts = [path for path in files if path.suffix not in IMAGES]
    for path in random.sample(texts, min(len(texts), random.choice((1, 1, 2)))) if random.random() < 0.8 else [random.choice(files)]:
        path.write_bytes(mutate(path.read_bytes(), random, text=path.suffix not in IMAGES))
    if random.random() < 0.15:
        _rename(random.choice(files), random, place)
    if name != "results":
        checked: Command = ["data", "check", f"{name}:{root}", *random.choice(([], ["--full"]))]
        if name in ("COCO", "DET", "VID"):
            return [checked, ["data", "crop511", f"{name}:{root}", str(place.out / "crops"), "--workers", "1"]]
        return [checked, place.benched(f"{name}:{root}")]
    if random.random() < 0.2:
        _call_in_tracker(root, random)
    text = str(root)
    later: list[Command] = [
        ["bench", "report", text, "--format", random.choice(("md", "json", "csv", "tex", "html")), "--out", str(place.out / "report")],
        ["bench", "export", text, "--to", random.choice(("pysot", "pytracking", "got10k", "vot")), "--out", str(place.out / "files")],
        ["bench", "reproduce", text, "--dry-run"],
        ["bench", "reproduce", text, "--data", f"OTB100:{place.bases / 'sets' / 'OTB100'}", "--workers", "0"],
        [
            "bench",
            "pack",
            text,
            "--for",
            random.choice(("got10k", "trackingnet", "vot")),
            "--out",
            str(place.out / "pack.zip"),
            "--partial",
        ],
        ["bench", "compare", text, "--trackers", "kcf", "other"],
        ["bench", "validate", text, "--for", random.choice(("got10k", "trackingnet", "vot"))],
    ]
    return random.sample(later, 2)


def _rename(path: Path, random: Random, place: Place) -> None:
    name = random.choice(HOSTILE_NAMES).replace("{outside}", str(place.outside))
    if random.random() < 0.3 and path.suffix == ".txt":  # a list of names, which leads elsewhere
        path.write_text(f"{name}\n{path.read_text(errors='replace')}", errors="replace")
        return
    safe = name.replace("/", "").replace("\0", "")[:250] or "_"
    try:
        path.rename(path.with_name(safe + path.suffix)) if random.random() < 0.5 else path.parent.rename(path.parent.with_name(safe))
    except OSError:
        return


def _call_in_tracker(root: Path, random: Random) -> None:
    """Let a tracker's description name a module that would run."""
    for path in root.rglob("tracker.json"):
        text = path.read_text(errors="replace")
        path.write_text(text.replace('"name": "kcf"', f'"name": "{CANARY}:make"').replace('"other"', f'"{CANARY}:make"'))


def prepare_videos(bases: Path) -> None:
    for suffix in (".mp4", ".avi", ".mkv"):
        write_clip(bases / f"clip{suffix}")
    (bases / "plain.txt").write_text("".join(f"{','.join(map(str, box_of(frame)))}\n" for frame in range(FRAMES)))


def make_videos(place: Place) -> list[Command]:
    suffix = place.random.choice((".mp4", ".avi", ".mkv"))
    video = place.damaged(place.bases / f"clip{suffix}", f"clip{place.random.choice((suffix, suffix, suffix, '.mp4'))}", text=False)
    if place.random.random() < 0.3:
        shutil.copy(place.bases / "plain.txt", video.with_suffix(".txt"))
        return [["data", "check", f"folder:{place.inside}", "--full"], place.benched(f"folder:{place.inside}")]
    more = ["--out", str(place.out / "drawn.mp4")] if place.random.random() < 0.2 else []
    return [place.tracked(video, *more)]


def prepare_weights(bases: Path) -> None:
    """Write exported miniatures, one that is learnt on, weights of a network to learn on, and the weights that the package has."""
    import torch
    from export_header import HEADER
    from tiny_online import TinyOnline
    from tiny_siamese import TinySiamese

    import lockon
    from exporter_table import read_operators_once
    from lockon.config import as_json
    from lockon.export.onnx import export_onnx
    from lockon.train.checkpoint import save_weights
    from lockon.zoo.compact_dimp import CompactDiMPConfig, build

    write_clip(bases / "clip.mp4")
    read_operators_once()
    export_onnx(TinySiamese(), bases / "tiny", "lockon-s", {**HEADER, "architecture": "lockon-s", "config": {}}, verify=False)
    header = {**HEADER, "architecture": ONLINE, "config": {}, "tracker": as_json(card(ONLINE).config)}  # many values to damage
    export_onnx(TinyOnline(), bases / "online", ONLINE, header, verify=False)
    torch.manual_seed(0)
    small = CompactDiMPConfig(search_size=64, channels=8, blocks=0, box_width=4, box_hidden=4)
    save_weights(build(small).state_dict(), bases / "online.safetensors", {**header, "config": {"model": as_json(small)}})
    package = Path(lockon.__file__).parent / "zoo" / "weights"
    for path in package.glob("*.onnx"):
        (bases / "package").mkdir(exist_ok=True)
        shutil.copy(path, bases / "package")
    shutil.copy(package / "lockon-s.safetensors", bases / "package")


def make_weights(place: Place) -> list[Command]:
    random = place.random
    clip = place.bases / "clip.mp4"
    if random.random() < 0.3:
        return [_learnt_on(place, clip)]
    if random.random() < 0.06:
        weights = place.damaged(place.bases / "package" / "lockon-s.safetensors", text=False)
        return [place.tracked(clip, "--weights", str(weights), tracker="lockon-s")]
    refiner = random.random() < 0.2
    folder, name = ("package", "refine-s") if refiner else ("tiny", "lockon-s")
    parts = sorted((place.bases / folder).glob(f"{name}*.onnx"))
    for part in parts:
        shutil.copy(part, place.inside)
    damaged = random.choice(parts)
    place.damaged(damaged, text=False)
    weights = place.inside / f"{name}.onnx"
    if refiner:
        boxes = ["--refine", "refine-s", "--refiner-weights", str(weights), "--mask", str(place.out / "masks.jsonl")]
        return [place.tracked(clip, *boxes)]
    return [place.tracked(clip, "--weights", str(weights), tracker="lockon-s")]


def _learnt_on(place: Place, clip: Path) -> list[str]:
    """Damage the header or numbers of a network that is learnt on; the hash is right or missing, so that more than it notices."""
    from lockon._weights import MARK, seal

    random = place.random
    exported = random.random() < 0.7
    parts = sorted((place.bases / "online").glob("*.onnx")) if exported else [place.bases / "online.safetensors"]
    for part in parts:
        shutil.copy(part, place.inside)
    copies = [place.inside / part.name for part in parts]
    for path in copies if random.random() < 0.5 else [random.choice(copies)]:
        data = path.read_bytes()
        changed = _with_header(data, random, exported=exported) if random.random() < 0.8 else put_floats(data, random)
        path.write_bytes(changed if exported else changed.replace(MARK.encode(), b"no" + MARK.encode()[2:]))
        if exported:
            with contextlib.suppress(LookupError):  # the hash's own place was damaged
                seal(path)
    weights = place.inside / (f"{ONLINE}.onnx" if exported else "online.safetensors")
    refined = ["--refine", "iou-net", "--refiner-weights", str(weights)]
    return place.tracked(clip, *refined) if random.random() < 0.3 else place.tracked(clip, "--weights", str(weights), tracker=ONLINE)


def _with_header(data: bytes, random: Random, *, exported: bool) -> bytes:
    """Return a file whose JSON header has another text, number or nesting somewhere; its container fits again."""

    def change(text: str) -> str:
        how = random.choice((put_number, put_number, put_number, put_name, nest))
        for _ in range(5):  # other text than JSON is met at once: it shall be rare
            changed = how(text.encode(), random).decode()
            with contextlib.suppress(ValueError, RecursionError):
                json.loads(changed)
                break
        return changed

    if exported:
        import onnx

        model = onnx.load_model_from_string(data)
        entry = next(entry for entry in model.metadata_props if entry.key == "lockon")
        entry.value = change(entry.value)
        return bytes(model.SerializeToString())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["lockon"] = change(header["__metadata__"]["lockon"])
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


class _Call:
    """An object whose pickle asks for a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def prepare_checkpoints(bases: Path) -> None:
    """Write a whole official checkpoint whose weights share one number each, so that it is small."""
    import torch
    from safetensors.torch import save_file

    from golden_networks import OFFICIAL, official_entries

    state = {key: torch.tensor(0.01).expand(shape) for key, shape in official_entries(OFFICIAL["siamrpn-alexnet"])}
    torch.save({"state_dict": state, "epoch": 3}, bases / "zip.pth")
    torch.save(state, bases / "old.pth", _use_new_zipfile_serialization=False)
    save_file({"module.weight": torch.zeros(4, 4)}, bases / "other.safetensors")


def make_checkpoints(place: Place) -> list[Command]:
    random, path = place.random, place.inside / "model.pth"
    choice = random.randrange(5)
    if choice == 0:
        path = place.damaged(place.bases / random.choice(("zip.pth", "old.pth", "other.safetensors")), text=False)
    elif choice < 3:
        _repack(place.bases / "zip.pth", path, random)
    else:
        content = _hostile(place, random)
        path.write_bytes(content if random.random() < 0.6 else mutate(content, random, text=False))
    return [["convert", "siamrpn-alexnet", str(path), str(place.out / "weights.safetensors")]]


def _repack(source: Path, target: Path, random: Random) -> None:
    """Damage one member of a zip file and write sums that fit."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        chosen = random.choice([name for name in names if name.endswith("data.pkl")] * len(names) + names)
        for name in names:
            content = old.read(name)
            new.writestr(name, mutate(content, random, text=False) if name == chosen else content)
            if random.random() < 0.001:
                new.writestr(f"../../outside/{name}", content)


def _hostile(place: Place, random: Random) -> bytes:
    """Return a pickle, in one of PyTorch's forms or bare, that asks for calls, is deep, or has strange contents."""
    import torch

    canary = str(place.outside / "canary")
    call = random.choice(
        (_Call(os.system, f"touch {canary}"), _Call(exec, f"open({canary!r}, 'w')"), _Call(os.mkdir, canary), _Call(open, canary, "w"))
    )
    values: tuple[Any, ...] = (
        call,
        {"state_dict": call},
        {"state_dict": {"weight": torch.zeros(2), "x": call}},
        [],
        {},
        None,
        7,
        {1: torch.zeros(1)},
    )
    values += (
        {"state_dict": {"weight": torch.full((2,), float("nan"))}},
        {"state_dict": {"a" * 5000: torch.zeros(1)}},
        {"model": {"net": {}}},
    )
    values += ({"\x1b[31m": torch.zeros(1)}, {"state_dict": {"../x": torch.zeros(1, dtype=torch.complex64)}}, {"weight": torch.zeros(0)})
    value = random.choice(values)
    if random.random() < 0.1:
        return b"\x80\x02" + b"(" * random.choice((1000, 100_000)) + b"]" * 10 + b"."
    if random.random() < 0.3:
        return pickle.dumps(value)
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=random.random() < 0.5)
    return buffer.getvalue()


def prepare_configurations(bases: Path) -> None:
    from tiny_training_data import make_stills

    make_stills(bases)
    write_clip(bases / "data" / "clip.mp4")
    (bases / "data" / "clip.txt").write_text("".join(f"{','.join(map(str, box_of(frame)))}\n" for frame in range(FRAMES)))
    (bases / "data.toml").write_text('[roots]\nOTB100 = "/data/OTB100"\n"GOT10k_val" = "/data/got"\n')
    (bases / "space.toml").write_text(
        '[localizer]\nsize_lr = "0.2:0.9"\nrank.window_influence = {low = 0.1, high = 0.5}\nrank.penalty_k = "0.001:0.3:log"\n'
    )


def make_configurations(place: Place) -> list[Command]:
    random, clip = place.random, place.bases / "data" / "clip.mp4"
    choice = random.randrange(10)
    if choice == 0:
        return [_with_environment("LOCKON_CONFIG", str(place.damaged(place.bases / "data.toml", text=True)))]
    if choice == 1:
        space = place.damaged(place.bases / "space.toml", text=True)
        words = ["bench", "search", "lockon-s", "--data", f"folder:{place.bases / 'data'}", "--space", str(space), "--trials", "1"]
        return [[*words, "--out", str(place.out / "search"), "--workers", "0"]]
    if choice == 2:
        return [_recipe(place, [_setting(random, _train_names()) for _ in range(random.choice((1, 2)))])]
    settings = [word for _ in range(random.choice((1, 1, 2))) for word in ("--set", _setting(random, _track_names()))]
    if choice == 3:
        return [
            [
                "track",
                str(clip),
                "--box",
                _number_text(BOX, random),
                "--frames",
                "3",
                "-q",
                "--save",
                str(place.out / "boxes.csv"),
                "--tracker",
                "kcf",
            ]
        ]
    more = ["--refine", "refine-s"] if choice > 7 else []
    return [place.tracked(clip, *more, *settings, tracker="lockon-s")]


def _with_environment(name: str, value: str) -> Callable[[], object]:
    def listed() -> object:
        from lockon.data.paths import find_root, read_config

        os.environ[name] = value
        try:
            read_config()
            return find_root("OTB100")
        finally:
            del os.environ[name]

    return listed


def _recipe(place: Place, settings: list[str]) -> Callable[[], object]:
    def made() -> object:
        from lockon.cli._texts import parse_overrides
        from lockon.train.recipe import TrainSources
        from lockon.zoo.training import recipe

        return recipe(TrainSources(stills=place.bases / "train"), parse_overrides(settings), "lockon-s")

    return made


def _track_names() -> list[str]:
    from lockon.config import field_names
    from lockon.refiners.combine import RefineConfig

    own = field_names(card("lockon-s").config)
    return [
        *own,
        *(f"refine.{name}" for name in field_names(RefineConfig())),
        *(f"refiner.{name}" for name in field_names(card("refine-s").config)),
    ]


def _train_names() -> list[str]:
    from lockon.config import field_names
    from lockon.train.config import TrainConfig

    return [f"train.{name}" for name in field_names(TrainConfig())]


def _setting(random: Random, names: list[str]) -> str:
    """Return NAME=VALUE whose name exists, mostly, and whose value is strange."""
    name = random.choice(names)
    values = (
        *SPECIAL_NUMBERS,
        "()",
        "(0,0)",
        "((1,2),(3,))",
        "none",
        "cpu",
        "[" * 300,
        "(" * 90 + "0" + ")" * 90,
        "a" * 5000,
        "\x1b[31m",
        "../x",
        "1e-9",
    )
    values += (
        "0.5",
        "2",
        "-3",
        "1000000",
        "100000000000",
        "3.7",
        "{'a': 1}",
        "__import__('os')",
        "1+1",
        "lambda: 0",
        "1j",
        "b'x'",
        "...",
        "Hann",
    )
    text = f"{name}={random.choice(values)}"
    return mutate(text.encode(), random, text=True).decode(errors="surrogateescape").replace("\0", "") if random.random() < 0.15 else text


def _number_text(text: str, random: Random) -> str:
    return mutate(text.encode(), random, text=True).decode(errors="surrogateescape").replace("\0", "")[:100_000]


KINDS = {
    "boxes": Kind(prepare_boxes, make_boxes),
    "annotations": Kind(prepare_annotations, make_annotations),
    "videos": Kind(prepare_videos, make_videos),
    "weights": Kind(prepare_weights, make_weights, ("torch", "onnx", "onnxscript")),
    "checkpoints": Kind(prepare_checkpoints, make_checkpoints, ("torch", "safetensors")),
    "configurations": Kind(prepare_configurations, make_configurations, ("torch", "optuna", "safetensors")),
}
