#!/usr/bin/env bash
# Installs what Postlens needs to be built, tried and tested, as far as it is missing. A second run finds everything there.
#
# System packages are installed on Debian and its like; elsewhere this says what is missing. Root, or sudo, is needed for
# these alone. The embedded engine and the tests' own tools go into a cache outside the checkout.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" > /dev/null; }

has_postgres() { has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; }
has_venv() { has python3 && python3 -c 'import ensurepip, venv' 2> /dev/null; }

packages=()
has cc || packages+=(gcc libc6-dev)             # SQLite, zstd and ring are compiled from C
has curl || packages+=(curl)                    # the README's tour
has npm || packages+=(npm)                      # fetches the embedded engine
has node || packages+=(nodejs)
has_venv || packages+=(python3-venv)            # schemathesis, which tests the HTTP API
has_postgres || packages+=(postgresql)          # the metadata store is tested on it, too
has faketime || packages+=(faketime)            # the tests let the service's clock jump
has prometheus-alertmanager || packages+=(prometheus-alertmanager) # the tests let it take alerts
has runuser || packages+=(util-linux)           # PostgreSQL does not run as root

if ((${#packages[@]})); then
  install=(apt-get install --yes --no-install-recommends "${packages[@]}")
  has apt-get || fail "please install what Debian calls: ${packages[*]}"
  as_root=()
  if ((EUID)); then
    has sudo || fail "please run as root: ${install[*]}"
    as_root=(sudo)
  fi
  say "installing ${packages[*]}"
  "${as_root[@]}" apt-get update --quiet=2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" "${install[@]}" --quiet=2 > /dev/null
fi

has cargo || fail "Rust is needed, which you want to install yourself: https://rustup.rs"
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$(cargo --version | cut -d' ' -f2)
[[ $(printf '%s\n' "$needed" "$found" | sort --version-sort | head -n 1) == "$needed" ]] ||
  fail "Rust $needed is needed and $found is there; \`rustup update\` brings a newer one"
for component in rustfmt clippy; do
  has "cargo-${component/rust/}" && continue
  has rustup || fail "please install the Rust component $component"
  say "installing $component"
  rustup --quiet component add "$component"
done

cargo fetch --locked --quiet
library=$(engine/fetch-libchdb)
tests/setup
say "everything is there; the embedded engine is $library"
