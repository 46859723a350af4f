"""What a real camera makes of a drawn picture."""

from __future__ import annotations

import cv2
import numpy as np

from gato_ros.sim.held_out.conditions import Lens


def through(lens: Lens, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 [height width 3], RGB as `pixels`: blurred, noisy, tinted, bent and compressed."""
    seen = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), lens.blur_px)
    seen += rng.normal(0.0, lens.noise, seen.shape).astype(np.float32)
    seen = np.clip(seen * np.array(lens.white_balance, np.float32) / 255.0, 0.0, 1.0) ** np.float32(lens.gamma)
    bgr = np.round(255.0 * seen[:, :, ::-1]).astype(np.uint8)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, lens.jpeg_quality])
    return np.ascontiguousarray(cv2.imdecode(file, cv2.IMREAD_COLOR)[:, :, ::-1])
