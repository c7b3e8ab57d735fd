"""A worker that tells its group nothing of how far it is, as one does that is far behind.

python -m tests.system.forgetful worker ...
"""

from typing import Any

from cli.main import main
from streams import transport


async def commit(*_: object) -> bool:
    return True


if __name__ == "__main__":
    changed: Any = transport.BatchConsumer
    changed.commit = commit
    main()
