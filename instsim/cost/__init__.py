"""What instructions cost: core tables, boards, and the model that prices a profile."""

from instsim.cost.block_prices import BlockPrices
from instsim.cost.board import Board, EnergyPrior, energy_interval
from instsim.cost.boards import board_names, list_boards, load_board
from instsim.cost.charged_instructions import ChargedInstructions
from instsim.cost.charger import Charger
from instsim.cost.core_table import CoreTable, core_names, list_cores, load_core
from instsim.cost.cost_model import CostModel
from instsim.cost.cycle_estimate import CycleEstimate, EventCost

__all__ = [
    "BlockPrices",
    "Board",
    "ChargedInstructions",
    "Charger",
    "CoreTable",
    "CostModel",
    "CycleEstimate",
    "EnergyPrior",
    "EventCost",
    "board_names",
    "core_names",
    "energy_interval",
    "list_boards",
    "list_cores",
    "load_board",
    "load_core",
]
