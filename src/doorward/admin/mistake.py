"""How a use-case says no to an operator: a sentence that names the mend. It never holds a secret."""


class Mistake(Exception):
    """Command line: exit code 1 and the sentence. HTTP: 400."""


class NotThere(Mistake):
    """What it is about does not exist, or has ended already. HTTP: 404."""


class Taken(Mistake):
    """A name or an id is in use; names are never reused. HTTP: 409."""


class NotAllowed(Mistake):
    """This actor may not do this. HTTP: 403."""
