"""What holds whatever is shown."""

from doorward.lab.stage import Demo


def show_doors(demo: Demo) -> None:
    row = "doors"
    demo.expect(row, "used", "a route that is open to anyone", {}, path="/open")
    demo.expect(row, "refused", "no credential", {}, status=401, code="missing_credential")
    demo.expect(row, "refused", "a path without a route", {}, path="/unknown", status=403, code="no_route")
    demo.expect(row, "refused", "an ambiguous path", {}, path="/open/%2e%2e/pets", status=400, code="bad_request")
    made = demo.place.command("audit", "verify")
    demo.tally.note(row, "used", f"the journal's chain of {made.get('rows')} rows verifies", passed=made.get("ok") is True, seen=str(made))
