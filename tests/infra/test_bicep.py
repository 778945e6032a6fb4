"""The description of the service in Azure holds together, as far as that shows without Azure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import azure.functions as func
import pytest

from functions import timers
from shared.settings import Settings
from tests.infra import checks
from tests.infra.bicep import Bicep, members, string, text, walk
from tests.support.tools import ROOT

INFRA = ROOT / "infra"
FILES = checks.bicep_files(INFRA)
MAIN = Bicep.read(INFRA / "main.bicep")
APP = Bicep.read(INFRA / "modules" / "app.bicep")

# Looked up in Microsoft's reference; Key Vault's older ones retire in February 2027.
API_VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Communication/communicationServices": "2023-04-01",
    "Microsoft.Communication/emailServices": "2023-04-01",
    "Microsoft.Communication/emailServices/domains": "2023-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/scheduledQueryRules": "2026-03-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2026-02-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2025-07-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2025-07-01",
    "Microsoft.Network/virtualNetworks": "2025-07-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Resources/resourceGroups": "2025-04-01",
    "Microsoft.Sql/servers": "2025-01-01",
    "Microsoft.Sql/servers/databases": "2025-01-01",
    "Microsoft.Sql/servers/firewallRules": "2025-01-01",
    "Microsoft.Storage/storageAccounts": "2025-08-01",
    "Microsoft.Web/serverfarms": "2025-03-01",
    "Microsoft.Web/sites": "2025-03-01",
}

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "keyVaultSecretsOfficer",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "storageBlobDataOwner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "storageQueueDataContributor",
    "09976791-48a7-449e-bb21-39d1a415f350": "emailServiceOwner",
    "3913510d-42f4-4e42-8a64-420c390055eb": "monitoringMetricsPublisher",
}

SETTINGS_OF_OTHERS = {
    "AzureWebJobsStorage__credential": "the Functions host: a managed identity",
    "AzureWebJobsStorage__clientId": "the Functions host: which one",
    "AzureWebJobsDisableHomepage": "the Functions host: a page of its own at the first address",
    "AZURE_CLIENT_ID": "azure-identity: which managed identity the code takes",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "the Functions host and the telemetry library",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the same: by token, of which identity",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "the Python worker: OpenTelemetry is on",
    "OTEL_TRACES_SAMPLER": "azure-monitor-opentelemetry: how traces are left out",
    "OTEL_TRACES_SAMPLER_ARG": "the same: how many a second are kept",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "the same: libraries that are not traced",
    "PYTHON_THREADPOOL_THREAD_COUNT": "the Python worker: threads for what blocks",
}

NEEDED = {
    "KEY_VAULT_URI": "no file of secrets survives an instance",
    "DATABASE_URL": "nor does a SQLite file",
    "AzureWebJobsStorage__accountName": "further senders are woken through its queue",
    "ROWPOST_MIGRATE": "the identity may not change the schema",
}

Check = Callable[[Bicep], Iterator[str]]


def names(file: Bicep) -> str:
    return str(file.path.relative_to(ROOT))


@pytest.mark.parametrize(
    "check",
    [
        checks.syntax,
        checks.undefined_symbols,
        checks.unused_symbols,
        checks.module_parameters,
        checks.module_names,
        checks.loose_types,
        checks.unforeseeable_resources,
        checks.formatting,
        checks.secrets_in_outputs,
        lambda file: checks.api_versions(file, API_VERSIONS),
        lambda file: checks.role_ids(file, ROLES),
    ],
    ids=[
        "it parses",
        "every symbol is declared",
        "nothing is declared in vain",
        "modules get what they ask for",
        "modules have no names of their own",
        "every type says what it holds",
        "what-if can show every resource",
        "it is written as bicep format writes",
        "no output shows a secret",
        "resources have the API version that was looked up",
        "roles have their own ids",
    ],
)
@pytest.mark.parametrize("file", FILES, ids=names)
def test_in_each_file(file: Bicep, check: Check) -> None:
    assert list(check(file)) == []


def test_the_parameter_file_fits_the_parameters() -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))

    assert list(checks.parameter_file(MAIN, parameters)) == []


def test_the_database_keeps_as_much_as_its_cores_ask_for() -> None:
    database = Bicep.read(INFRA / "modules" / "database.bicep")

    assert list(checks.capacities(MAIN, database)) == []


def test_every_finding_of_the_linter_is_an_error() -> None:
    """The descriptions aside: names say what they are, and there are many of them.

    API versions grow old by themselves. `azd up` compiles too and goes on working then; only the
    compiler's job in ci.yml takes the warning for an error.
    """
    linter = json.loads((INFRA / "bicepconfig.json").read_text("utf-8"))["analyzers"]["core"]
    rules = {name: rule["level"] for name, rule in linter["rules"].items()}
    job = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")

    assert linter["enabled"] is True
    assert {name for name, level in rules.items() if level != "error"} == {
        "use-recent-api-versions"
    }
    assert rules.keys() >= {
        "no-module-name",
        "no-unused-params",
        "outputs-should-not-contain-secrets",
        "use-user-defined-types",
        "what-if-short-circuiting",
    }
    assert "az bicep lint --file infra/main.bicep" in job
    assert "grep -E ': (Warning|Error) '" in job
    assert "az bicep format" in job


def test_every_module_is_used() -> None:
    used = {INFRA / module.path for module in MAIN.modules.values()}

    assert used == set((INFRA / "modules").glob("*.bicep"))


def test_every_version_and_role_of_the_lists_is_used() -> None:
    used = {resource.type for file in FILES for resource in file.resources.values()}

    assert API_VERSIONS.keys() <= used
    assert all(any(role in file.strings for file in FILES) for role in ROLES)


def test_the_app_gets_what_it_needs_and_nothing_that_nobody_reads() -> None:
    settings = checks.app_settings(APP)
    of_rowpost = {field.alias for field in Settings.model_fields.values() if field.alias}
    required = {field.alias for field in Settings.model_fields.values() if field.is_required()}

    assert list(checks.forbidden_settings(settings)) == []
    assert list(checks.unknown_settings(settings, of_rowpost, SETTINGS_OF_OTHERS)) == []
    assert list(checks.missing_settings(settings, [*NEEDED, *SETTINGS_OF_OTHERS])) == []
    assert required <= {*settings}


def test_no_password_or_key_is_among_the_settings() -> None:
    for name, value in checks.app_settings(APP).items():
        calls = [node for node in walk(value) if node.type == "call_expression"]
        assert not any("list" in text(call) for call in calls), name
        assert "AccountKey" not in text(value), name


def test_storage_takes_no_keys_and_vault_and_database_no_passwords() -> None:
    storage, vault, database, monitoring = (
        (INFRA / "modules" / f"{name}.bicep").read_text("utf-8")
        for name in ("storage", "vault", "database", "monitoring")
    )

    assert "allowSharedKeyAccess: false" in storage
    assert "allowBlobPublicAccess: false" in storage
    assert "enableRbacAuthorization: true" in vault
    assert "enablePurgeProtection: true" in vault
    assert "azureADOnlyAuthentication: true" in database
    assert "administratorLoginPassword" not in database
    assert "autoPauseDelay: -1" in database
    assert "DisableLocalAuth: true" in monitoring


def test_the_always_ready_instance_is_one_of_a_function_that_there_is() -> None:
    app = func.FunctionApp()
    app.register_functions(timers.blueprint)
    functions = {function.get_function_name() for function in app.get_functions()}
    kept_ready = [each for each in APP.strings if each.startswith("function:")]

    assert kept_ready == ["function:drain"]
    assert {each.partition(":")[2] for each in kept_ready} <= functions
    assert MAIN.parameters["alwaysReadySender"].required is False


def test_the_outputs_are_what_the_step_after_provisioning_reads() -> None:
    from infra.postprovision import Deployment

    some_id = "00000000-0000-4000-8000-000000000000"
    given = {**dict.fromkeys(MAIN.outputs, some_id), "AZURE_SUBSCRIPTION_ID": some_id}

    assert Deployment.from_environment(given).vault_uri == given["KEY_VAULT_URI"]


def _workbook() -> Any:
    return json.loads((INFRA / "modules" / "workbook.json").read_text("utf-8"))


METRICS = {
    "rowpost.emails.sent",
    "rowpost.emails.failed",
    "rowpost.emails.retried",
    "rowpost.emails.unknown",
    "rowpost.queue.depth",
    "rowpost.queue.oldest_waiting_seconds",
    "rowpost.drain.rate",
    "rowpost.account.usage",
    "rowpost.delivery.seconds",
}


def _metrics_in(words: str) -> set[str]:
    return {each for each in words.replace(")", '"').split('"') if each.startswith("rowpost.")}


def test_the_workbook_shows_every_metric_and_knows_no_other() -> None:
    queries = [item["content"]["query"] for item in _workbook()["items"] if item["type"] == 3]

    assert _metrics_in("\n".join(queries)) == METRICS
    assert _workbook()["fallbackResourceIds"] == ["{insightsId}"]


def _alerts() -> dict[str, str]:
    """Each alert's query by the alert's name."""
    bicep = Bicep.read(INFRA / "modules" / "alerts.bicep")
    alerts = [node for node in bicep.variables["alerts"].children if node.type == "object"]
    each = [members(alert) for alert in alerts]
    return {string(alert["name"]): string(alert["query"]) for alert in each}


def test_there_is_an_alert_for_all_that_somebody_must_be_told_of() -> None:
    assert _alerts().keys() == {
        "missed-timer",
        "oldest-waiting",
        "unknown-outcomes",
        "account-paused",
        "failure-ratio",
        "poison-messages",
        "server-errors",
    }


@pytest.mark.parametrize("name", _alerts())
def test_an_alert_asks_for_what_is_reported(name: str) -> None:
    query = _alerts()[name]

    assert _metrics_in(query) <= METRICS
    assert "Value = " in query


def test_the_alert_about_paused_accounts_looks_for_the_words_of_the_log() -> None:
    """One is in Kusto, the other in Python: nothing else holds them together."""
    drain = (ROOT / "shared" / "delivery" / "dispatcher.py").read_text("utf-8")

    assert "account %s rests: %s" in drain
    assert all(f'has "{word}"' in _alerts()["account-paused"] for word in ("account", "rests"))
