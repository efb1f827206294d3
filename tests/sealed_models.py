"""Changed ONNX models as files whose hash is right, so that what was changed is what a test meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockon._weights import HASH_KEY, NO_HASH, seal


def save_sealed(model: Any, path: Path) -> None:
    """Write an `onnx.ModelProto` with the hash of its own content."""
    for entry in [entry for entry in model.metadata_props if entry.key == HASH_KEY]:
        model.metadata_props.remove(entry)
    model.metadata_props.add(key=HASH_KEY, value=NO_HASH)
    path.write_bytes(model.SerializeToString())
    seal(path)
