"""`python -m bench [--only NAME]… [--quick] [--large]`: measures, prints, and writes latest.json and README.md.

--only   that measurement alone; what was measured before stays in latest.json with its own date
--quick  a look whether everything runs: few rounds, nothing written
--large  ten million API keys too: minutes, and about 5 GB of disk while it lasts
"""

import argparse
import asyncio
import sys
import time
import warnings
from pathlib import Path

from bench import machine, report
from bench.measurements import MEASUREMENTS, ON_DEMAND, Measure
from bench.rounds import QUICK, Effort
from bench.row import Row

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    every: dict[str, Measure] = {**MEASUREMENTS, **ON_DEMAND}
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures doorward beside its peers.")
    parser.add_argument("--only", action="append", choices=sorted(every), metavar="NAME", help=f"one of: {', '.join(every)}")
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    parser.add_argument("--large", action="store_true", help="ten million API keys too")
    asked = parser.parse_args(arguments)
    names = asked.only or [*MEASUREMENTS, *(ON_DEMAND if asked.large else ())]
    facts, taken = machine.facts(), time.strftime("%Y-%m-%d")
    failed = []
    for name in names:
        print(f"\n{name}", flush=True)
        try:
            rows = asyncio.run(every[name](QUICK if asked.quick else Effort()))
        except Exception as reason:  # noqa: BLE001 - the other measurements still count
            failed.append(name)
            print(f"  could not be measured: {reason.__class__.__name__}: {reason}", flush=True)
            continue
        print(report.table(rows), flush=True)
        if not asked.quick:
            keep({name: rows}, facts, taken)
    return 1 if failed else 0


def keep(measured: dict[str, list[Row]], facts: dict[str, str], taken: str) -> None:
    """After each measurement: a run that is broken off keeps what it has."""
    whole = report.merge(HERE / "latest.json", measured, facts, taken)
    notes = (HERE / "notes.md").read_text("utf-8")
    (HERE / "README.md").write_text(report.page(whole, notes, [*MEASUREMENTS, *ON_DEMAND]), "utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what peers say about themselves
    sys.exit(main(sys.argv[1:]))
