"""Run the command line: ``python -m wallet``."""

from wallet.cli import main

if __name__ == "__main__":
    main()
