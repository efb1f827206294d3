from __future__ import annotations

import ctypes
import os

import cv2
import numpy as np
import pytest

from lockon._seeds import seed_opencv


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_a_seed_decides_the_numbers_of_opencv_and_of_c(seed: int) -> None:
    def drawn() -> tuple[list[float], int]:
        seed_opencv(seed)
        return cv2.randu(np.zeros(4, np.float32), 0, 1).ravel().tolist(), ctypes.CDLL("ucrtbase" if os.name == "nt" else None).rand()

    assert drawn() == drawn()
