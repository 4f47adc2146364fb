"""Pictures of Gaussians. The directory is the registry: ``rasterizers/core.py`` *is* the engine ``core``.

An engine module defines ``RASTERIZER``, a `Rasterizer`, which prepares splats to be drawn from any number
of cameras. Every engine draws what Kerbl et al. (2023) define, and X-rays as Zha et al. (2024) do; they
differ by rounding alone (90 dB or better), and each gives the same bits every time.
"""

from ._rasterizer import ON_CPU as ON_CPU
from ._rasterizer import ON_GPU as ON_GPU
from ._rasterizer import RASTERIZERS as RASTERIZERS
from ._rasterizer import Chosen as Chosen
from ._rasterizer import Drawable as Drawable
from ._rasterizer import Picture as Picture
from ._rasterizer import Rasterizer as Rasterizer
from ._rasterizer import chosen as chosen
from ._rasterizer import require_effect as require_effect
