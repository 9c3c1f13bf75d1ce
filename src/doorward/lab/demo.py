"""`doorward demo`: a pet-store API behind every method; each used for real, forged, refused, revoked. Over HTTPS, like a stranger."""

from collections.abc import Callable

from doorward.lab.acts import ACTS
from doorward.lab.place import a_place
from doorward.lab.stage import Demo
from doorward.lab.tally import Tally


def run(say: Callable[[str], None]) -> Tally:
    """Says what happens as it happens. Raises PlaceError when a server does not start."""
    tally = Tally(say)
    with a_place() as place:
        demo = Demo(place, tally)
        say("laying out data directories, certificates and three servers on HTTPS: ours, the pet store, another issuer")
        try:
            demo.begin()
            for number, act in enumerate(ACTS, start=1):
                say(f"[{number}/{len(ACTS)}] {act.__name__.removeprefix('show_').replace('_', ' ')}")
                act(demo)
        finally:
            demo.end()
    return tally
