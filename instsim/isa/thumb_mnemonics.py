"""Thumb mnemonics: which class each belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CONDITIONS", "MNEMONIC_CLASSES", "READS_DESTINATION", "TWO_OPERAND"]

CONDITIONS = frozenset(("eq", "ne", "hs", "lo", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"))
"""Condition suffixes."""

TWO_OPERAND = frozenset(
    (
        *("add", "sub", "adc", "sbc", "rsb", "and", "orr", "eor", "bic", "orn", "addw", "subw"),
        *("mul", "lsl", "lsr", "asr", "ror"),
        *("sxtab", "sxtah", "uxtab", "uxtah"),
    )
)
"""Mnemonics whose first source is left out when it equals the destination."""

READS_DESTINATION = frozenset(("movt", "bfi", "bfc"))
"""Mnemonics that keep a part of the destination."""


def _by_class(classes: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({mnemonic: name for name, members in classes.items() for mnemonic in members.split()})


MNEMONIC_CLASSES: Mapping[str, str] = _by_class(
    {
        "alu": "mov mvn add sub adc sbc rsb and orr eor bic orn cmp cmn tst teq adr addw subw neg cpy",
        "move-wide": "movw movt",
        "shift": "lsl lsr asr ror rrx",
        "extend": "sxtb sxth uxtb uxth",
        "reverse": "rev rev16 revsh",
        "bitfield": "bfi bfc ubfx sbfx clz rbit",
        "saturate": "ssat usat",
        "multiply": "mul",
        "multiply-accumulate": "mla mls",
        "long-multiply": "umull smull",
        "long-multiply-accumulate": "umlal smlal umaal",
        "divide": "udiv sdiv",
        "dsp": (
            "sadd8 sadd16 ssub8 ssub16 sasx ssax uadd8 uadd16 usub8 usub16 uasx usax "
            "qadd8 qadd16 qsub8 qsub16 qasx qsax uqadd8 uqadd16 uqsub8 uqsub16 uqasx uqsax "
            "shadd8 shadd16 shsub8 shsub16 shasx shsax uhadd8 uhadd16 uhsub8 uhsub16 uhasx uhsax "
            "qadd qsub qdadd qdsub sel pkhbt pkhtb ssat16 usat16 sxtb16 uxtb16"
        ),
        "extend-add": "sxtab sxtah uxtab uxtah sxtab16 uxtab16",
        "dsp-multiply": "smulbb smulbt smultb smultt smulwb smulwt smuad smuadx smusd smusdx smmul smmulr usad8",
        "dsp-multiply-accumulate": ("smlabb smlabt smlatb smlatt smlawb smlawt smlad smladx smlsd smlsdx smmla smmlar smmls smmlsr usada8"),
        "dsp-long-accumulate": "smlalbb smlalbt smlaltb smlaltt smlald smlaldx smlsld smlsldx",
        "load": "ldr ldrb ldrh ldrsb ldrsh ldrt ldrbt ldrht ldrsbt ldrsht",
        "load-double": "ldrd",
        "load-multiple": "ldm ldmia ldmdb pop",
        "load-exclusive": "ldrex ldrexb ldrexh lda ldab ldah ldaex ldaexb ldaexh",
        "store": "str strb strh strt strbt strht",
        "store-double": "strd",
        "store-multiple": "stm stmia stmdb push",
        "store-exclusive": "strex strexb strexh stl stlb stlh stlex stlexb stlexh",
        "branch": "b",
        "compare-branch": "cbz cbnz",
        "call": "bl",
        "indirect-call": "blx",
        "indirect-branch": "bx",
        "table-branch": "tbb tbh",
        "nop": "nop",
        "hint": "wfi wfe sev sevl yield hint dbg csdb esb pld pldw pli clrex",
        "barrier": "dsb dmb isb ssbb pssbb",
        "system": "mrs msr cps cpsid cpsie",
        "supervisor-call": "svc",
        "breakpoint": "bkpt udf hlt trap",
        "security": "sg tt ttt tta ttat bxns blxns vlldm vlstm",
        "coprocessor": "mcr mcr2 mrc mrc2 mcrr mcrr2 mrrc mrrc2 cdp cdp2 ldc ldcl ldc2 ldc2l stc stcl stc2 stc2l",
        "fp-add": "vadd vsub vmaxnm vminnm",
        "fp-multiply": "vmul vnmul",
        "fp-multiply-accumulate": "vmla vmls vnmla vnmls vfma vfms vfnma vfnms",
        "fp-divide": "vdiv",
        "fp-sqrt": "vsqrt",
        "fp-convert": "vcvt vcvtr vcvtb vcvtt vcvta vcvtn vcvtp vcvtm vrinta vrintn vrintp vrintm vrintr vrintx vrintz",
        "fp-compare": "vcmp vcmpe",
        "fp-move": "vmov vabs vneg vseleq vselge vselgt vselvs",
        "fp-status": "vmrs vmsr",
        "fp-load": "vldr",
        "fp-load-multiple": "vldm vldmia vldmdb vpop fldmiax fldmdbx",
        "fp-store": "vstr",
        "fp-store-multiple": "vstm vstmia vstmdb vpush fstmiax fstmdbx",
    }
)
"""Class of a mnemonic without condition, flag and width suffixes, before its operands have a say."""
