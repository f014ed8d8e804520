"""Input and answers of transferBatch."""

from typing import Annotated

import strawberry

from wallet.schema.descriptions import mark_enum
from wallet.schema.errors import BatchRejected, InvalidInput
from wallet.schema.results import TransferResult
from wallet.schema.transfers import TransferInput
from wallet.services.batches import BATCH_LENGTH_MAX, BatchMode

mark_enum(
    BatchMode,
    "Whether the transfers of a batch stand and fall together.",
    {
        "ATOMIC": "All of them, or none.",
        "INDEPENDENT": "Each on its own, in order per wallet.",
    },
)


@strawberry.input(
    description=(
        f"Up to {BATCH_LENGTH_MAX} transfers. ATOMIC: all or none. "
        "INDEPENDENT: each on its own, in order per wallet."
    )
)
class TransferBatchInput:
    """Input of transferBatch."""

    transfers: list[TransferInput] = strawberry.field(
        description="In their order; each sees what those before it did."
    )
    mode: BatchMode = strawberry.field(
        default=BatchMode.ATOMIC, description="Whether they stand and fall together."
    )


@strawberry.type(description="results[i] answers transfers[i].")
class TransferBatchPayload:
    """Answer of transferBatch."""

    results: list[TransferResult] = strawberry.field(
        description="What became of each transfer; in an ATOMIC batch, all of them moved money."
    )


TransferBatchResult = Annotated[
    TransferBatchPayload | BatchRejected | InvalidInput,
    strawberry.union("TransferBatchResult", description="What became of a batch."),
]
