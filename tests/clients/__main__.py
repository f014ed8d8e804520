"""Install the clients by their lock file: `python -m tests.clients`."""

import sys
from pathlib import Path

from wallet.schema.graphiql.install import InstallError, run_npm

try:
    run_npm(Path(__file__).resolve().parent)
except InstallError as error:
    sys.exit(f"The clients could not be installed: {error}")
