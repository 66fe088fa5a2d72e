"""Version specifiers as sets of versions: whether one holds another, and whether two meet.

A specifier's set changes only at the versions that it names, at their prefixes' ends (`~=`, `.*`), and at the
pre-, post- and development releases around them. Trying versions on both sides of every such place decides.
"""

from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

_FAR = 10**6  # a release segment above every one that a specifier names


def admits_all_of(outer: SpecifierSet, inner: SpecifierSet) -> bool:
    """Whether every version that `inner` admits is admitted by `outer`."""
    if set(outer) <= set(inner):
        return True
    return all(_admits(outer, version) for version in _tried(outer, inner) if _admits(inner, version))


def are_compatible(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether some version is admitted by both."""
    return any(_admits(one, version) and _admits(other, version) for version in _tried(one, other))


def _admits(specifiers: SpecifierSet, version: str) -> bool:
    return specifiers.contains(version, prereleases=True)


def _tried(*sets: SpecifierSet) -> Iterator[str]:
    yield from ("0", str(_FAR))
    for specifier in {specifier for specifiers in sets for specifier in specifiers}:
        named = specifier.version.removesuffix(".*")
        yield named
        try:
            version = Version(named)
        except InvalidVersion:
            continue  # `===` takes any text, which is tried as it stands
        yield from _around(version)


def _around(version: Version) -> Iterator[str]:
    epoch = f"{version.epoch}!" if version.epoch else ""
    if version.dev is not None:
        yield version.public.replace(f".dev{version.dev}", f".dev{version.dev + 1}")
    elif version.is_prerelease or version.is_postrelease:
        yield f"{version.public}.dev0"
        yield from () if version.is_postrelease else (f"{version.public}.post1",)
    for length in range(1, len(version.release) + 1):
        prefix = version.release[:length]
        for release in (prefix, (*prefix[:-1], prefix[-1] + 1), _just_below(prefix), (*prefix, 0, 1)):
            text = epoch + ".".join(map(str, release))
            yield from (text, f"{text}.dev0", f"{text}a0", f"{text}rc{_FAR}", f"{text}.post{_FAR}")


def _just_below(release: tuple[int, ...]) -> tuple[int, ...]:
    """A release below `release` and above everything else that a specifier is likely to name."""
    for position in range(len(release) - 1, -1, -1):
        if release[position]:
            return (*release[:position], release[position] - 1, _FAR)
    return (0,)
