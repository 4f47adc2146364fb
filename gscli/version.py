"""The version of gscli, which every file and report that it writes names."""

__version__ = "0.1.0"
