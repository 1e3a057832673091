"""`python -m benchmarks.environment.network_stand_in ADDRESS PORT`: runs the stand-in for Meta at an address of a network. It has
no login, so `manage.py simulator` listens at loopback only."""

import os
import socket
import sys
from pathlib import Path

from simulator.standin import StandIn, serve


def main() -> None:
    address, port = sys.argv[1:]
    directory = Path(os.environ["VAR_DIR"]) / "simulator"
    with socket.create_server((address, int(port))) as listener:
        serve(StandIn(directory=directory, hub_url=f"http://127.0.0.1:{os.environ['PORT']}"), listener)


if __name__ == "__main__":
    main()
