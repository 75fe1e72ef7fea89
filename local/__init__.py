"""Everything that runs only on a developer's machine: the engine, the outside world and the demo."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# The demo loads its data with the services' own modules; on Lambda these folders are the code and the shared layer.
sys.path[:0] = [str(_ROOT / "functions"), str(_ROOT / "layers" / "gedeeld")]
