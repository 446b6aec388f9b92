"""The closed lists of instruction classes: what a core's cost table has to price.

A class holds the instructions that some core times differently from all others. Each belongs to an extension of its instruction set; a
core prices the classes of the extensions it implements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from instsim.isa.instruction import Isa

__all__ = ["CLASSES", "EXTENSIONS", "UNKNOWN", "UNSUPPORTED", "InstructionClass", "fpu_extensions"]

UNKNOWN = "unknown"
"""Class of bytes that do not decode."""

UNSUPPORTED = "unsupported"
"""Class of instructions that are recognised but belong to an extension instsim does not run (MVE, low-overhead loops)."""


@dataclass(frozen=True, slots=True)
class InstructionClass:
    """A class of instructions.

    Attributes
    ----------
    name : str
        Key in the cost tables.
    description : str
        What belongs to it.
    extension : str
        Part of the instruction set that brings it, a key of `EXTENSIONS`.
    """

    name: str
    description: str
    extension: str


EXTENSIONS: Mapping[Isa, Mapping[str, str]] = {
    Isa.THUMB: {
        "base": "Armv6-M",
        "mainline": "Armv7-M and Armv8-M Mainline",
        "dsp": "DSP extension (Armv7E-M)",
        "fp": "single-precision floating point",
        "fp64": "double-precision floating point",
        "security": "Security Extension (TrustZone)",
        "coprocessor": "coprocessor instructions",
    },
    Isa.RV32: {
        "base": "RV32I, Zicsr and Zifencei, compressed or not",
        "m": "multiply and divide",
        "a": "atomics",
        "f": "single-precision floating point",
        "zb": "bit manipulation: Zba, Zbb, Zbs, Zbkb",
        "zcmp": "push and pop: Zcmp",
    },
}
"""The extensions of each instruction set, with what they are."""

_FPU_EXTENSIONS: Mapping[tuple[Isa, str], tuple[str, ...]] = {
    (Isa.THUMB, "single"): ("fp",),
    (Isa.THUMB, "double"): ("fp", "fp64"),
    (Isa.RV32, "single"): ("f",),
}


def fpu_extensions(isa: Isa, fpu: str) -> tuple[str, ...]:
    """Return the extensions that a floating-point unit of this precision brings, none for ``none``."""
    return _FPU_EXTENSIONS.get((isa, fpu), ())


def _classes(**extensions: Mapping[str, str]) -> Mapping[str, InstructionClass]:
    return {name: InstructionClass(name, text, extension) for extension, members in extensions.items() for name, text in members.items()}


CLASSES: Mapping[Isa, Mapping[str, InstructionClass]] = {
    Isa.THUMB: _classes(
        base={
            "alu": "data processing on registers and plain constants: mov, add, sub, and, orr, cmp, tst, adr",
            "shift": "shift by constant or register: lsl, lsr, asr, ror, rrx",
            "extend": "sign or zero extension: sxtb, sxth, uxtb, uxth",
            "reverse": "byte reversal: rev, rev16, revsh",
            "multiply": "32-bit product: mul",
            "load": "load of one register: ldr, ldrb, ldrh, ldrsb, ldrsh",
            "load-literal": "load relative to the program counter",
            "load-multiple": "ldm and pop without the program counter",
            "store": "store of one register: str, strb, strh",
            "store-multiple": "stm and push",
            "branch": "unconditional branch: b",
            "conditional-branch": "conditional branch: b<cc>, and b inside an IT block",
            "call": "call of a known target: bl",
            "indirect-call": "call of a register: blx",
            "indirect-branch": "jump to a register: bx",
            "return": "bx lr",
            "pop-return": "pop and ldm that load the program counter",
            "move-to-pc": "mov or add whose result is the program counter",
            "nop": "nop",
            "hint": "wfi, wfe, sev, yield, pld, csdb, clrex",
            "barrier": "dsb, dmb, isb",
            "system": "mrs, msr, cps",
            "supervisor-call": "svc",
            "breakpoint": "bkpt, udf",
        },
        mainline={
            "shifted-alu": "data processing with a shifted second register",
            "shifted-constant": "data processing with a constant that is a shifted byte",
            "move-wide": "16-bit constant: movw, movt",
            "bitfield": "bfi, bfc, ubfx, sbfx, clz, rbit",
            "saturate": "ssat, usat",
            "multiply-accumulate": "mla, mls",
            "long-multiply": "64-bit product: umull, smull",
            "long-multiply-accumulate": "umlal, smlal, umaal",
            "divide": "udiv, sdiv",
            "load-double": "ldrd",
            "store-double": "strd",
            "load-exclusive": "ldrex, lda, ldaex and their narrow forms",
            "store-exclusive": "strex, stl, stlex and their narrow forms",
            "load-branch": "ldr whose destination is the program counter",
            "table-branch": "tbb, tbh",
            "compare-branch": "cbz, cbnz",
            "it": "it",
        },
        dsp={
            "dsp": "parallel and saturating arithmetic, sel, pkhbt, pkhtb, ssat16, usat16, sxtb16",
            "extend-add": "sxtab, sxtah, uxtab, uxtah, sxtab16, uxtab16",
            "dsp-multiply": "16-bit and high-word products, usad8",
            "dsp-multiply-accumulate": "the same with a 32-bit addend, usada8",
            "dsp-long-accumulate": "16-bit products with a 64-bit addend: smlalbb, smlald, smlsld",
        },
        fp={
            "fp-add": "vadd, vsub, vmaxnm, vminnm",
            "fp-multiply": "vmul, vnmul",
            "fp-multiply-accumulate": "vmla, vmls, vnmla, vnmls, vfma, vfms, vfnma, vfnms",
            "fp-divide": "vdiv",
            "fp-sqrt": "vsqrt",
            "fp-convert": "vcvt, vrint",
            "fp-compare": "vcmp, vcmpe",
            "fp-move": "vmov between floating-point registers or of a constant, vabs, vneg, vsel",
            "fp-core-move": "vmov of one core register",
            "fp-core-move-pair": "vmov of two core registers",
            "fp-status": "vmrs, vmsr",
            "fp-load": "vldr of a single register",
            "fp-load-double": "vldr of a double register",
            "fp-load-multiple": "vldm, vpop",
            "fp-store": "vstr of a single register",
            "fp-store-double": "vstr of a double register",
            "fp-store-multiple": "vstm, vpush",
        },
        fp64={
            "fp64-add": "double-precision vadd, vsub, vmaxnm, vminnm",
            "fp64-multiply": "double-precision vmul, vnmul",
            "fp64-multiply-accumulate": "double-precision vmla, vfma and their variants",
            "fp64-divide": "double-precision vdiv",
            "fp64-sqrt": "double-precision vsqrt",
            "fp64-convert": "vcvt from or to double precision, vrint",
            "fp64-compare": "double-precision vcmp, vcmpe",
            "fp64-move": "double-precision vmov, vabs, vneg, vsel",
        },
        security={"security": "sg, tt, bxns, blxns, vlldm, vlstm"},
        coprocessor={"coprocessor": "mcr, mrc, mcrr, mrrc, cdp, ldc, stc"},
    ),
    Isa.RV32: _classes(
        base={
            "alu": "register and constant arithmetic, comparison, lui, auipc, nop",
            "shift": "sll, srl, sra and their constant forms",
            "load": "lb, lh, lw, lbu, lhu",
            "store": "sb, sh, sw",
            "branch": "conditional branch",
            "jump": "jal x0",
            "call": "jal ra",
            "indirect-jump": "jalr x0 of a register that is no link register",
            "indirect-call": "jalr ra",
            "return": "jalr x0, ra",
            "csr": "csrrw, csrrs, csrrc and their constant forms",
            "fence": "fence",
            "fence-i": "fence.i",
            "system": "ecall, ebreak, mret, wfi",
        },
        m={
            "multiply": "mul",
            "multiply-high": "mulh, mulhsu, mulhu",
            "divide": "div, divu",
            "remainder": "rem, remu",
        },
        a={
            "load-reserved": "lr.w",
            "store-conditional": "sc.w",
            "atomic": "amoadd.w and the other read-modify-write instructions",
        },
        f={
            "fp-load": "flw",
            "fp-store": "fsw",
            "fp-add": "fadd.s, fsub.s, fmin.s, fmax.s",
            "fp-multiply": "fmul.s",
            "fp-multiply-accumulate": "fmadd.s, fmsub.s, fnmadd.s, fnmsub.s",
            "fp-divide": "fdiv.s",
            "fp-sqrt": "fsqrt.s",
            "fp-compare": "feq.s, flt.s, fle.s, fclass.s",
            "fp-convert": "fcvt between integer and single precision",
            "fp-move": "fmv, fsgnj.s, fsgnjn.s, fsgnjx.s",
        },
        zb={
            "bitmanip": "address generation, logic with negation, minimum, bit set and clear, count, extend, reverse",
            "rotate": "rol, ror, rori",
        },
        zcmp={
            "push": "cm.push",
            "pop": "cm.pop",
            "pop-return": "cm.popret, cm.popretz",
            "move-pair": "cm.mva01s, cm.mvsa01",
        },
    ),
}
"""All classes of each instruction set by name; `UNKNOWN` and `UNSUPPORTED` are not among them, because nothing may price them."""
