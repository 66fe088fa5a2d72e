# Sourced by the scripts that need uv. Takes $root, the checkout's folder; leaves in $uv a uv that this checkout
# accepts: the one on PATH, or one of its own under $root/.uv, installed with nothing but Python and pip.
# The version stands in the root's pyproject.toml (required-version), and uv itself says whether it meets it.

uv_is_accepted() {
    "$1" --project "$root" cache dir >/dev/null 2>&1
}

python_for_uv() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Statekeep needs Python 3.11 or newer, and found none on PATH." >&2
    return 1
}

install_uv() {
    version=$(sed -n 's/^required-version = "\([^"]*\)".*/\1/p' "$root/pyproject.toml")
    python=$(python_for_uv) || return 1
    echo "Installing uv$version into $root/.uv (once)." >&2
    if ! "$python" -m venv --clear "$root/.uv"; then
        echo "$python could not make a virtual environment. Install its venv module, or put uv$version on PATH." >&2
        return 1
    fi
    "$root/.uv/bin/python" -m pip install -qq --disable-pip-version-check "uv$version"
}

# A user without a home of their own (a container, a CI job) still has the checkout.
uv_cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}
if ! { mkdir -p "$uv_cache" && [ -w "$uv_cache" ]; } 2>/dev/null; then
    UV_CACHE_DIR="$root/.uv-cache"
    export UV_CACHE_DIR
fi
unset VIRTUAL_ENV # another project's environment, if one is active, is none of ours

uv=uv
if ! uv_is_accepted "$uv"; then
    uv="$root/.uv/bin/uv"
    uv_is_accepted "$uv" || install_uv || exit 1
fi
