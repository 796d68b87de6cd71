"""The cells of the matrix, by what they break."""

from tests.faults.cells import (
    checkpoint,
    events,
    histories,
    kafka,
    kills,
    machine,
    network,
    postgres,
    random_steps,
    stores,
    times,
)

MODULES = (kills, postgres, kafka, network, events, checkpoint, stores, machine, histories, times, random_steps)
CELLS = {cell.name: cell for module in MODULES for cell in module.CELLS}
