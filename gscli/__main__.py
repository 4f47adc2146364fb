"""``python -m gscli`` is ``gscli``."""

from .cli import run

if __name__ == "__main__":
    run()
