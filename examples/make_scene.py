"""Make a scene to try gscli on: python examples/make_scene.py scene.ply --points 1000000

Ten million points need 5 GB of disk for a moment and little memory.
"""

import argparse
import sys

from gscli import GscliError, scene


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a 3DGS scene with the oddities of trained ones.")
    parser.add_argument("path", help="the file to write, or - for stdout")
    parser.add_argument("--points", type=int, default=100_000, metavar="N")
    parser.add_argument("--sh-degree", type=int, default=3, choices=range(5))
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--flyaways", type=int, metavar="N", help="splats far outside (default: one in 10,000)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    arguments = vars(parser.parse_args())
    try:
        scene.write(arguments.pop("path"), arguments.pop("points"), **arguments)
    except GscliError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
