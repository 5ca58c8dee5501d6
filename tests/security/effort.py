"""How much the attacks try: `make fuzz` sets FUZZ, and has the machine to itself."""

import os

FULL = bool(os.environ.get("FUZZ"))
