"""Write the published JSON Schemas from the types they describe.

Usage::

    python tools/export_schemas.py              # write them
    python tools/export_schemas.py --check      # exit with 1 if a committed one is out of date
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instsim.cost.core_schema import CoreFile
from instsim.cost.memory_schema import MemoryFile
from instsim.report.json_report import schema_path
from instsim.report.json_schema import check_schema, comparison_schema, estimate_schema, whatif_schema
from instsim.resources import cost_tables


def schemas() -> dict[Path, Callable[[], dict[str, Any]]]:
    """Return each schema's file and what makes it."""
    return {
        schema_path(): estimate_schema,
        schema_path().with_name("comparison.schema.json"): comparison_schema,
        schema_path().with_name("check.schema.json"): check_schema,
        schema_path().with_name("whatif.schema.json"): whatif_schema,
        cost_tables() / "schema" / "core.json": CoreFile.model_json_schema,
        cost_tables() / "schema" / "memory.json": MemoryFile.model_json_schema,
    }


def schema_text(make: Callable[[], dict[str, Any]]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(make(), indent=2) + "\n"


def main() -> int:
    """Write or check every schema."""
    parser = argparse.ArgumentParser(description="Write the published JSON Schemas from the types they describe.")
    parser.add_argument("--check", action="store_true", help="only compare, and exit with 1 if one is out of date")
    check = parser.parse_args().check
    outdated = 0
    for path, make in schemas().items():
        text = schema_text(make)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        outdated += 1
        if check:
            print(f"{path} is out of date: run python tools/export_schemas.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 1 if check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
