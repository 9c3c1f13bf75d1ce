"""`python -m doorward` is `doorward`."""

from doorward.cli import main

if __name__ == "__main__":
    main(prog_name="doorward")
