import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_reference_page_says_what_the_descriptions_say() -> None:
    script = ROOT / "scripts" / "write_configuration_page.py"
    command = [sys.executable, str(script), "--print"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert written == (ROOT / "docs" / "reference" / "configuration.md").read_text()
