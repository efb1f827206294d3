"""The header that exported test models carry."""

from __future__ import annotations

HEADER = {
    "architecture": "tiny",
    "config": {"model": {"quality": True}},
    "tracker": {"search_crop": {"factor": 4.0}},
    "licence": "Apache-2.0",
    "data": {"train": "none"},
    "metrics": {"AO": 0.5},
    "git_revision": "abc",
}
