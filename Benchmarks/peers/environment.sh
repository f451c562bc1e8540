# What the scripts beside this folder share; they set `here` to the folder Benchmarks first.

say() { echo "$(basename "$0"): $*" >&2; }

# Sets PYTHON, unless it is set already, to that of Benchmarks/.venv, which is made if need be.
require_python() {
  [[ -z ${PYTHON:-} ]] || return 0
  PYTHON=$here/.venv/bin/python
  # made again when the requirements change; a broken attempt leaves no mark
  if ! cmp --quiet "$here/peers/requirements.txt" "$here/.venv/installed.txt"; then
    say "installing the peers into Benchmarks/.venv; llama.cpp is compiled, which takes minutes"
    python3 -m venv "$here/.venv"
    "$PYTHON" -m pip install --quiet --requirement "$here/peers/requirements.txt" >&2
    cp "$here/peers/requirements.txt" "$here/.venv/installed.txt"
  fi
}

# build PACKAGE PRODUCT
build() {
  swift build --configuration release --package-path "$1" --product "$2" >&2
}
