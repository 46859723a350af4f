"""What a driver's pictures are, and what of them the model sees, as a contract's YAML says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict


class Crop(Strict):
    """A part of the driver's picture [px]; left and top count from its upper left corner."""

    left: int = Field(ge=0)
    top: int = Field(ge=0)
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Camera(Strict):
    """A driver's pictures; they are cut, turned, mirrored and made smaller to the channel's size, in this order."""

    height: int = Field(gt=0)
    """[px]"""
    width: int = Field(gt=0)
    """[px]"""
    crop: Crop | None = None
    rotate_deg: Literal[90, 180, 270] | None = None
    """Clockwise."""
    flip: Literal["horizontal", "vertical"] | None = None
    """horizontal: left becomes right."""
    depth_m: tuple[FiniteFloat, FiniteFloat] | None = None
    """Nearest and farthest distance [m]: they become 1 and 255, and what was not measured 0."""

    @model_validator(mode="after")
    def _check(self) -> "Camera":
        crop = self.crop
        if crop and (crop.left + crop.width > self.width or crop.top + crop.height > self.height):
            raise Misfit(f"the crop reaches beyond {self.width}x{self.height} pixels", ("crop",))
        if self.depth_m and not 0 <= self.depth_m[0] < self.depth_m[1]:
            raise Misfit(f"nearest below farthest, both from 0 m on; got {list(self.depth_m)}", ("depth_m",))
        return self

    @property
    def part(self) -> Crop:
        """What is taken of the picture; without a crop all of it."""
        return self.crop or Crop(left=0, top=0, width=self.width, height=self.height)

    @property
    def turned(self) -> bool:
        """Whether height and width change places."""
        return self.rotate_deg in (90, 270)

    def check_size(self, height: int, width: int) -> None:
        """Misfit where a model that sees so many pixels would have to be shown some that nobody took."""
        part = self.part
        has = (part.width, part.height) if self.turned else (part.height, part.width)
        if has[0] < height or has[1] < width:
            raise Misfit(
                f"the model would see {width}x{height} pixels of {has[1]}x{has[0]}: choose a smaller height and width",
                ("height",),
                ("width",),
            )
