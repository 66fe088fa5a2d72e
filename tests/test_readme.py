"""The README shows what runs."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_is_the_job_that_the_demo_kills() -> None:
    job = (ROOT / "demo" / "load_flights.py").read_text(encoding="utf-8").rstrip()
    assert f"```python\n{job}\n```" in README


def test_every_path_that_the_documents_link_to_is_there() -> None:
    pages = [README, *(path.read_text(encoding="utf-8") for path in ROOT.glob("*.md"))]
    links = {link for page in pages for link in _links(page) if "://" not in link}
    assert [link for link in sorted(links) if not (ROOT / link).exists()] == []
    assert len(links) > 10


def _links(page: str) -> list[str]:
    return [part.split(")")[0].split("#")[0] for part in page.split("](")[1:]]
