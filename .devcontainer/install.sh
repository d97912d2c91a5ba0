#!/usr/bin/env bash
# Makes .venv and my-notebooks/, as `make lab` would, with PyTorch without CUDA because containers have no GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v make >/dev/null; then
  as_root=$([[ $(id -u) == 0 ]] || echo sudo)
  $as_root apt-get update -qq
  $as_root apt-get install -qq -y --no-install-recommends make
fi
export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu UV_TORCH_BACKEND=cpu
make install
