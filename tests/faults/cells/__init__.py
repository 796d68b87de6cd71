"""The cells of the matrix, by what they break."""

from tests.faults.cells import checkpoint, events, kafka, kills, machine, network, postgres

MODULES = (kills, postgres, kafka, network, events, checkpoint, machine)
CELLS = {cell.name: cell for module in MODULES for cell in module.CELLS}
