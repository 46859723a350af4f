"""The topics of what a policy looks at: read here by whoever shows them, without the policy."""

from __future__ import annotations

SALIENCY_ENCODING = "32FC1"
"""Of their sensor_msgs/Image: effects [nat]."""


def saliency_topic(camera: str) -> str:
    """Below policy_node, of an image key: the camera's name is the key's first part."""
    return f"saliency/{camera.partition('/')[0]}"
