"""Where to look from: cameras, files of them, and orbits around what a scene is about."""

from .camera import LARGEST as LARGEST
from .camera import Camera as Camera
from .camera import digest as digest
from .orbit import FOV as FOV
from .orbit import around as around
from .orbit import box as box
from .orbit import front as front
from .orbit import orbit as orbit
from .orbit import turntable as turntable
