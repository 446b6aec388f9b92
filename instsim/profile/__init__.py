"""What ran: block profiles, their files, and the functions they belong to."""

from instsim.profile.basic_blocks import BasicBlocks, TranslationBlocks, code_behind, to_basic_blocks
from instsim.profile.block_profile import (
    BlockProfile,
    CallTree,
    CrossingUse,
    DividerUse,
    ExceptionUse,
    FirmwareFacts,
    FunctionSpan,
    KernelRecord,
    RunFacts,
    SwapFacts,
    SymbolSize,
    TensorShape,
)
from instsim.profile.file import is_profile, load_profile, save_profile
from instsim.profile.functions import functions_of, owners
from instsim.profile.memory_use import MemoryUse, PathUse
from instsim.profile.symbol_sizes import symbol_sizes

__all__ = [
    "BasicBlocks",
    "BlockProfile",
    "CallTree",
    "CrossingUse",
    "DividerUse",
    "ExceptionUse",
    "FirmwareFacts",
    "FunctionSpan",
    "KernelRecord",
    "MemoryUse",
    "PathUse",
    "RunFacts",
    "SwapFacts",
    "SymbolSize",
    "TensorShape",
    "TranslationBlocks",
    "code_behind",
    "functions_of",
    "is_profile",
    "load_profile",
    "owners",
    "save_profile",
    "symbol_sizes",
    "to_basic_blocks",
]
