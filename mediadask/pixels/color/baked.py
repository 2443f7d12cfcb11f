"""ACES output transforms as tables: for pictures that are looked at, never for plates.

OpenColorIO calculates one in 1.2 to 6.8 s a UHD frame.
"""

from __future__ import annotations

import numpy as np
import PyOpenColorIO as ocio

from mediadask.pixels.color.strips import EXACT, Program

__all__ = ["baked"]

_OUTPUTS = (
    ocio.FIXED_FUNCTION_ACES_OUTPUT_TRANSFORM_20,
    ocio.FIXED_FUNCTION_ACES_GLOW_10,
    ocio.FIXED_FUNCTION_ACES_GLOW_03,
)
"""What those of ACES 2.0, 1.x and 0.x begin with."""

_GRID = 65
"""Points of the table each way."""

_LOWEST, _HIGHEST = 0.0729, 1.0
"""The table is one over ACEScct's curve (S-2016-001): of light from 0 to 222 times diffuse white."""


def baked(processor: ocio.Processor) -> Program | None:
    """Return the steps with an ACES output transform, and all after it, as a table; None if they have none.

    What comes before, such as decoding a camera's log curve and a grade, is calculated as ever.
    """
    steps = list(processor.createGroupTransform())
    start = next((place for place, step in enumerate(steps) if _is_output(step)), None)
    if start is None:
        return None
    while start and isinstance(steps[start - 1], ocio.MatrixTransform):
        start -= 1  # to where light was clamped, and fills the table's cube
    shaper = [_curve(ocio.TRANSFORM_DIR_FORWARD), _stretch(ocio.TRANSFORM_DIR_FORWARD)]
    whole = ocio.GroupTransform([*steps[:start], *shaper, _table(steps[start:])])
    return Program.of(ocio.Config.CreateRaw().getProcessor(whole), "float32", "float32")


def _is_output(step: ocio.Transform) -> bool:
    forward = step.getDirection() == ocio.TRANSFORM_DIR_FORWARD
    return isinstance(step, ocio.FixedFunctionTransform) and forward and step.getStyle() in _OUTPUTS


def _table(steps: list[ocio.Transform]) -> ocio.Lut3DTransform:
    axis = np.linspace(0, 1, _GRID, dtype=np.float32)
    colors = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)  # blue runs fastest, as in the table
    light = [_stretch(ocio.TRANSFORM_DIR_INVERSE), _curve(ocio.TRANSFORM_DIR_INVERSE)]
    exact = ocio.Config.CreateRaw().getProcessor(ocio.GroupTransform([*light, *steps]))
    exact.getOptimizedCPUProcessor(ocio.BIT_DEPTH_F32, ocio.BIT_DEPTH_F32, EXACT).applyRGB(colors)
    table = ocio.Lut3DTransform(_GRID)
    table.setInterpolation(ocio.INTERP_TETRAHEDRAL)
    table.setData(colors.ravel())
    return table


def _curve(direction: ocio.TransformDirection) -> ocio.LogCameraTransform:
    slope, offset, start = [1 / 17.52] * 3, [9.72 / 17.52] * 3, [2.0**-7] * 3
    return ocio.LogCameraTransform(start, 2, slope, offset, direction=direction)


def _stretch(direction: ocio.TransformDirection) -> ocio.MatrixTransform:
    gain = 1 / (_HIGHEST - _LOWEST)
    matrix = np.diag([gain, gain, gain, 1.0]).ravel().tolist()
    return ocio.MatrixTransform(matrix, [-_LOWEST * gain] * 3 + [0.0], direction=direction)
