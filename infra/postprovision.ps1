# azd runs this after provisioning, in the project's folder, with the outputs of main.bicep set.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..')
$python = Join-Path '.venv' 'Scripts/python.exe'
if (-not (Test-Path $python)) { python -m venv .venv }
& $python -m pip install --quiet --disable-pip-version-check -r requirements-deploy.txt
if ($LASTEXITCODE) { exit $LASTEXITCODE }
& $python -m infra.postprovision
exit $LASTEXITCODE
