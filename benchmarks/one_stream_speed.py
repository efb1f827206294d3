"""What a frame costs with OSTrack: as its official code computes it, and as lockon does, with and without candidate elimination.

The official form is written here for this measurement, from the published description: attention as two matrix products with a softmax
between, in every block and in float32; the template's patches embedded again in every frame; tokens sorted, gathered and scattered; one
target after the other, since that code tracks one. lockon's own forms embed the template once, take all targets in one batch, and use
fused attention; they run in torch, ONNX Runtime and OpenVINO, and on a GPU as a CUDA graph in bfloat16.

All forms have the same weights and, in every frame, the same crops, so that their boxes can be compared. Weights do not matter for the
time: random ones are used, spread widely enough for attention to differ from token to token.

    python benchmarks/one_stream_speed.py --out results/benchmarks
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

from lockon.config import as_json
from lockon.errors import LockonError
from lockon.export.deployed import load_model
from lockon.export.onnx import export_onnx
from lockon.export.torch_model import TorchModel
from lockon.ops.boxes import xywh_to_cxcywh
from lockon.target import Target
from lockon.tracker import NetworkTracker
from lockon.types import FloatArray, Frame, Prediction, Template
from lockon.zoo.loading import inference_config
from lockon.zoo.networks import build, network_config
from lockon.zoo.registry import card
from scene import Scene, machine, report, run, spread, table

OFFICIAL = "official form, torch"
GRAPH = "lockon, torch bfloat16, CUDA graph"


class ExplicitAttention(nn.Module):
    """`SelfAttention` as the official code computes it: all weights of the attention are made, (B, A, T, T).

    Args:
        attention: Whose weights it has.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = attention.heads, attention.qkv, attention.proj

    def forward(self, tokens: Tensor, asking: int | None = None) -> tuple[Tensor, Tensor | None]:
        """Map (B, T, C) tokens as `SelfAttention` does."""
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(3)  # (B, A, T, T)
        out = self.proj((weights @ value).transpose(1, 2).flatten(2))
        return out, None if asking is None else weights.mean(1)[:, asking]


class OfficialForm:
    """A model that computes as the official code does; its template is the crop itself.

    Args:
        module: The network.
        device: Where it runs.
        dtype: float32 as the official code, or bfloat16 under autocast.
        batched: All targets in one batch, which the official code does not do.
    """

    def __init__(self, module: Any, device: str, dtype: torch.dtype = torch.float32, *, batched: bool = False) -> None:
        self.module = copy.deepcopy(module).eval()
        for block in self.module.encoder.blocks:
            block.attn = ExplicitAttention(block.attn)
        self.module.to(device)
        self.device, self.dtype, self.batched = device, dtype, batched
        self.template_size, self.search_size = module.template_size, module.search_size

    def encode(self, images: Any) -> Template:
        """Keep the crops."""
        return Template((images,))

    @torch.inference_mode()
    def __call__(self, template: Template, images: Any) -> Prediction:
        """Embed each target's template again, and match."""
        every = slice(0, len(images))
        outputs = []
        for one in (every,) if self.batched else (slice(i, i + 1) for i in range(len(images))):
            with torch.autocast(self.device.partition(":")[0], dtype=self.dtype, enabled=self.dtype != torch.float32):
                z, x = (_floats(torch.from_numpy(crops[one]).to(self.device)) for crops in (template.features[0], images))
                out = self.module(self.module.encode(z), x)
            outputs.append((out.logits.float().cpu().numpy(), out.boxes.float().cpu().numpy()))
        return Prediction(*(np.concatenate(values) for values in zip(*outputs, strict=True)))


class GraphModel:
    """A network in bfloat16 whose pass over a fixed number of targets is one CUDA graph.

    Args:
        module: The network.
        count: Targets.
    """

    def __init__(self, module: Any, count: int) -> None:
        self.module = copy.deepcopy(module).eval().to("cuda", torch.bfloat16)
        self.module.head.points = module.head.points.to("cuda")  # pixels need float32
        self.template_size, self.search_size = module.template_size, module.search_size
        self._images = torch.zeros(count, self.search_size, self.search_size, 3, dtype=torch.uint8, device="cuda")
        with torch.inference_mode():
            zeros = torch.zeros(count, self.template_size, self.template_size, 3, dtype=torch.uint8, device="cuda")
            self._tokens = self._encoded(zeros).clone()
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(3):
                    self._match()
            torch.cuda.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._out = self._match()

    def _encoded(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.module.encode(_floats(images).bfloat16()).features[0]
        return tokens

    def _match(self) -> Prediction:
        out: Prediction = self.module(Template((self._tokens,)), _floats(self._images).bfloat16())
        return out

    @torch.inference_mode()
    def encode(self, images: Any) -> Template:
        """Embed the templates; float32 on the way out, as handles are not worth their code here."""
        return Template((self._encoded(torch.from_numpy(images).cuda()).float().cpu().numpy(),))

    @torch.inference_mode()
    def __call__(self, template: Template, images: Any) -> Prediction:
        """Replay the graph on other crops."""
        self._tokens.copy_(torch.from_numpy(np.ascontiguousarray(template.features[0])))
        self._images.copy_(torch.from_numpy(images))
        self._graph.replay()
        return Prediction(self._out.logits.float().cpu().numpy(), self._out.boxes.float().cpu().numpy())


@dataclass
class Form:
    """One way to compute, and what was measured of it: seconds per frame, and the farthest box from the official form's, in pixels."""

    name: str
    tracker: NetworkTracker
    starts: list[Target] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    farthest: float = 0.0


def main(
    *,
    names: Annotated[str, typer.Option(help="trackers of the zoo, with commas between")] = "ostrack256,ostrack256-ce",
    targets: Annotated[str, typer.Option(help="numbers of targets, with commas between")] = "1,4,16",
    frames: Annotated[int, typer.Option(help="frames per round with one target; fewer with more, at least one")] = 4,
    rounds: Annotated[int, typer.Option(help="rounds; the forms take turns in each frame")] = 2,
    threads: Annotated[int, typer.Option(help="threads of every runtime")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    out: Annotated[Path, typer.Option(help="folder for one_stream_speed.md")] = Path("results/benchmarks"),
) -> None:
    """Measure milliseconds per frame, crops and choice included, of each form, and how far their boxes are apart."""
    torch.set_num_threads(threads)
    header = ["tracker", "targets", "form", "frame ms", "per target ms", "times as fast as the official form", "farthest box, px"]
    rows: list[list[str]] = []
    for name in names.split(","):
        module = _spread_weights(build(name))
        for count in map(int, targets.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                make = _on_cuda if device == "cuda" else _on_cpu
                forms = [
                    Form(label, NetworkTracker(model, _config(name))) for label, model in make(name, module, count, Path(folder), threads)
                ]
            clock = time.perf_counter if device == "cuda" else time.process_time
            _measure(forms, count, max(1, frames // count), rounds, clock)
            base = float(np.median(forms[0].seconds))
            for form in forms:
                middle = float(np.median(form.seconds))
                times = [spread(form.seconds), f"{middle / count * 1e3:.1f}", f"{base / middle:.2f}"]
                rows.append([name, str(count), form.name, *times, "-" if form is forms[0] else f"{form.farthest:.3f}"])
    where = torch.cuda.get_device_name() if device == "cuda" else f"{threads} thread(s)"
    text = (
        f"# OSTrack's forms\n\n{machine()}, PyTorch {torch.__version__}, {where}\n\n"
        f"1280x720 frames; {rounds} rounds, all forms taking turns in each frame. A frame is crops, network and choice of the box. "
        f"Milliseconds{'' if device == 'cuda' else ' of processor time'}: median (10th-90th percentile). The official form was written "
        "for this measurement, see the script. Weights are random: boxes of bfloat16 differ the more for it, where another cell wins.\n\n"
        f"{table(header, rows)}"
    )
    report(out / ("one_stream_speed_gpu.md" if device == "cuda" else "one_stream_speed.md"), text)


def _config(name: str) -> Any:
    return inference_config(card(name), "official")


def _floats(images: Tensor) -> Tensor:
    """Map (B, H, W, 3) bytes to (B, 3, H, W) floats."""
    return images.permute(0, 3, 1, 2).float()


def _spread_weights(module: Any) -> Any:
    """Give every linear layer weights that keep the spread of what it is given, and positions a spread of their own."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=layer.in_features**-0.5, generator=generator)
        for position in (module.encoder.pos_z, module.encoder.pos_x):
            position.normal_(std=0.5, generator=generator)
    return module.eval()


def _on_cpu(name: str, module: Any, count: int, folder: Path, threads: int) -> list[tuple[str, Any]]:
    header = {"architecture": name, "config": {"model": as_json(network_config(name))}}
    header |= {"tracker": {}, "data": {}, "metrics": {}, "licence": "", "git_revision": ""}
    path = export_onnx(module, folder, name, header, half_storage=False, verify=False).paths["search"]
    forms: list[tuple[str, Callable[[], Any]]] = [
        (OFFICIAL, lambda: OfficialForm(module, "cpu")),
        ("lockon, torch", lambda: TorchModel(copy.deepcopy(module))),
        ("lockon, ONNX Runtime", lambda: _loaded(load_model(path, "cpu", threads))),
        ("lockon, OpenVINO float32", lambda: _loaded(load_model(path, "openvino", threads))),
        ("lockon, OpenVINO bfloat16", lambda: _loaded(load_model(path, "openvino-bf16", threads))),
    ]
    made: list[tuple[str, Any]] = []
    for label, make in forms:
        try:
            made.append((label, make()))
        except LockonError as error:
            typer.echo(f"{label} left out: {error}", err=True)
    return made


def _loaded(model: Any) -> Any:
    """Run both graphs once, while their files are there."""
    z, x = (np.zeros((1, size, size, 3), np.uint8) for size in (model.template_size, model.search_size))
    model(model.encode(z), x)
    return model


def _on_cuda(name: str, module: Any, count: int, folder: Path, threads: int) -> list[tuple[str, Any]]:
    return [
        (OFFICIAL, OfficialForm(module, "cuda")),
        ("official form in one batch", OfficialForm(module, "cuda", batched=True)),
        ("official form in one batch, bfloat16", OfficialForm(module, "cuda", torch.bfloat16, batched=True)),
        ("lockon, torch", TorchModel(copy.deepcopy(module), "cuda")),
        ("lockon, torch bfloat16", TorchModel(copy.deepcopy(module), "cuda", torch.bfloat16)),
        (GRAPH, GraphModel(module, count)),
    ]


def _measure(forms: list[Form], count: int, frames: int, rounds: int, clock: Callable[[], float]) -> None:
    """Let the forms take turns: each frame is searched around the boxes where the targets really were in the frame before."""
    scene = Scene(count)
    images: list[Frame] = list(scene.frames(frames + 2))
    for form in forms:
        form.starts = form.tracker.start(images[0], scene.boxes(0))
        _step(form, images[1], scene.boxes(0))  # warm
    for _ in range(rounds):
        for number in range(2, len(images)):
            expected: FloatArray | None = None
            for form in forms:
                began = clock()
                boxes = _step(form, images[number], scene.boxes(number - 1))
                form.seconds.append(clock() - began)
                expected = boxes if expected is None else expected
                form.farthest = max(form.farthest, float(np.abs(boxes - expected).max()))


def _step(form: Form, image: Frame, boxes: FloatArray) -> FloatArray:
    """Return the (n, 4) boxes found around the given ones."""
    before = [replace(start, box=box) for start, box in zip(form.starts, xywh_to_cxcywh(boxes), strict=True)]
    return np.stack([target.box for target in form.tracker.step([image] * len(before), before)])


if __name__ == "__main__":
    run(main)
