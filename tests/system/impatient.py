"""A worker that does not wait long for the end of a transaction that it finds open.

python -m tests.system.impatient worker ...
"""

from cli.main import main
from streams import ends

if __name__ == "__main__":
    ends.UNDECIDED_SECONDS = 1.0
    main()
