#!/bin/sh
# Builds .venv from the hash-pinned lock file, with whatever Python and installer this machine has.
#
# usage: requirements/install.sh [FOLDER]      builds or updates FOLDER, by default .venv
#        requirements/install.sh --which       only prints the Python it would use
#
# Python:    $PYTHON if set, else the first that really runs and is >= 3.12. A name on PATH is not
#            enough: version managers leave launchers there that only print an error.
# Installer: uv if it is on PATH, else the standard library's venv with pip. uv is told not to fetch a
#            Python of its own. Should uv fail, pip is tried: the two read different index settings.
# A working environment is brought up to date in place, a broken one is made anew.
# Both refuse a file whose hash is not in requirements/lock.txt. No index is named here: the machine's own
# configuration decides where packages come from.
set -eu

venv=${1:-.venv}
lock=requirements/lock.txt
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH 2>/dev/null || true

say() { printf '%s\n' "$*" >&2; }

is_recent() {
    "$1" -c 'import sys, sqlite3, ssl; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for candidate in ${PYTHON:-} python3.13 python3.12 \
        "$pyenv"/3.13.*/bin/python "$pyenv"/3.12.*/bin/python python3 python; do
        if is_recent "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    return 1
}

with_uv() {
    command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1 || return 1
    if ! is_recent "$venv/bin/python"; then
        uv venv --quiet --clear --python "$1" "$venv" || return 1
    fi
    uv pip install --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes -r "$lock" &&
        uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
}

with_pip() {
    if ! "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        say "$1 has no venv module. On Debian and Ubuntu: apt-get install python3-venv"
        return 1
    fi
    if ! is_recent "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$1" -m venv --clear "$venv" || return 1
    fi
    "$venv/bin/python" -m pip install --quiet --require-hashes -r "$lock" &&
        "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
}

if ! python=$(find_python); then
    say "Perusal needs Python 3.12 or newer, with sqlite3 and ssl, and found none on this machine."
    say "  Debian 13, Ubuntu 24.04:  apt-get install python3 python3-venv"
    say "  Fedora:                   dnf install python3.13"
    say "  macOS with Homebrew:      brew install python@3.13"
    say "  pyenv, anywhere:          pyenv install 3.13"
    say "Another one can be named:   make PYTHON=/path/to/python3.12 test"
    exit 1
fi

if [ "$venv" = --which ]; then
    printf '%s\n' "$python"
    exit 0
fi

say "Setting up $venv with $("$python" -V) (once; a minute at most) ..."
with_uv "$python" || with_pip "$python"
say "Ready: $venv"
