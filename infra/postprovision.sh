#!/bin/sh
# azd runs this after provisioning, in the project's folder, with the outputs of main.bicep set.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-deploy.txt
exec "$venv/bin/python" -m infra.postprovision
