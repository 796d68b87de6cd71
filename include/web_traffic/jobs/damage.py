"""Tells a damaged checkpoint from other failures of Spark: a retry does not help, and there is a way out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from web_traffic.errors import CheckpointMismatch
from web_traffic.rebuild import REBUILD

OPENING = re.compile(
    r"\[(?:CANNOT_LOAD_STATE_STORE|STDS_|STATE_STORE_|STREAMING_STATEFUL_|STREAMING_CHECKPOINT_)|"
    r"\.streaming\.state\.(?:OperatorStateMetadata|StateSchema|SchemaHelper)"
)
"""Spark was opening the checkpoint or its state."""
DAMAGE = re.compile(
    r"EOFException|ChecksumException|FileNotFoundException|NegativeArraySizeException|UTFDataFormatException|"
    r"JsonParseException|Stream is corrupted|MALFORMED_LOG_FILE|"
    r"CANNOT_READ_|STDS_FAILED_TO_READ|MISSING_STATE_DIRECTORY|MISSING_METADATA_FILE|VALIDATION_FAILURE"
)
"""It did not find there what it had written. Other errors, such as those of a disk or a network, may be temporary."""
CAUSE = re.compile(r"^(?:Caused by: )?(?:[\w.$]+\.)?(\w+(?:Exception|Error)(?:: .+)?)$", re.MULTILINE)
MOST_CHARACTERS = 300


@contextmanager
def damage_is_refused() -> Iterator[None]:
    """Raise `CheckpointMismatch` with the innermost cause if Spark fails because its checkpoint is damaged."""
    try:
        yield
    except Exception as error:
        if cause := damage(error):
            raise CheckpointMismatch(
                f"the checkpoint is damaged: Spark can't read its state ({cause}); {REBUILD}"
            ) from error
        raise


def damage(error: BaseException) -> str | None:
    """Return the innermost cause of an error of Spark if it says that the checkpoint is damaged."""
    text = f"{error}\n{getattr(error, '_stackTrace', None) or ''}"  # the driver's errors keep their trace apart
    if not (OPENING.search(text) and DAMAGE.search(text)):
        return None
    causes = CAUSE.findall(text)
    return (causes[-1] if causes else text.splitlines()[0])[:MOST_CHARACTERS]
