"""How fast doorward is, beside its peers in the same run: `python -m bench` (PRODUCT 10). Ratios count, not seconds."""
