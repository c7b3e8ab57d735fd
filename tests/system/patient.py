"""A worker that reads portfolio records first, however busy the machine is.

python -m tests.system.patient worker ...
"""

from cli.main import main
from streams import transport

if __name__ == "__main__":
    transport.FIRST_SECONDS_MAX = 120.0
    main()
