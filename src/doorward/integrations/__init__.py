"""Floor 5: doorward in the words of other frameworks. Thin: each reads a request, asks the gate, hands the answer on."""
