"""``python -m gscli`` is ``gscli``, once no module comes from the current folder any more."""

import sys

from .runtime.module_path import without_current_folder

if __name__ == "__main__":
    sys.path[:] = without_current_folder()
    from .cli import run

    run()
