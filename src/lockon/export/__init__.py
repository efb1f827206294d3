"""Deployment: torch to ONNX, and the torch-free runtimes.

ONNX Runtime (from 1.29 on) and OpenVINO report their use to their makers, and leave an identity in the home folder, from the moment
they are imported. lockon runs offline, so it opts out before it imports them; who sets ORT_DISABLE_TELEMETRY=0 decides otherwise.
"""

import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as if it was not installed, which OpenVINO allows
