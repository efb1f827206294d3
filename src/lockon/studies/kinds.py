"""The studies by name."""

from __future__ import annotations

from lockon.studies.kind import StudyKind
from lockon.studies.rbo import RBO
from lockon.studies.siamla import SIAMLA

KINDS: dict[str, StudyKind] = {kind.name: kind for kind in (RBO, SIAMLA)}

__all__ = ["KINDS"]
