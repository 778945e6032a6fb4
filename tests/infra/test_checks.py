"""The checks of the Bicep files find what they are there for: each has a text that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra import checks
from tests.infra.bicep import Bicep

A_ROLE = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"


@pytest.mark.parametrize(
    "text",
    [
        "param name string =",
        "resource a 'Microsoft.Web/sites@2024-04-01' = {\n  name: 'a'\n",
        "param name string\nvar a = [for x in name x]",
        "output x = 'a' 'b'",
    ],
    ids=["no value", "no closing brace", "a loop without its colon", "two values"],
)
def test_what_is_not_bicep_is_found(text: str) -> None:
    assert list(checks.syntax(Bicep(text)))


@pytest.mark.parametrize(
    "text",
    [
        "var a = nme",
        "var a = 'x-${nme}'",
        "resource a 'b/c@1' = {\n  name: 'a'\n  parent: nme\n}",
        "param x array\nvar a = [for each in x: each.name]\nvar b = each",
        "param x array\nvar a = map(x, one => two)",
        "module m 'm.bicep' = {\n  name: 'm'\n  params: {\n    a: b.outputs.c\n  }\n}",
        "var a = listKeys('x', '1')",
        "var a = uniqeString('x')",
    ],
)
def test_a_symbol_that_is_declared_nowhere_is_found(text: str) -> None:
    assert list(checks.undefined_symbols(Bicep(text)))


def test_the_names_of_loops_properties_and_nested_resources_are_no_undefined_symbols() -> None:
    text = """
    param all array
    var named = [for (each, place) in all: {
      name: each.name
      place: place
    }]
    resource outer 'a/b@1' = {
      name: 'a'
      properties: {
        size: named
      }

      resource inner 'c' = {
        name: 'default'
      }
    }
    output id string = outer::inner.id
    """

    assert list(checks.undefined_symbols(Bicep(text))) == []


def test_what_is_declared_and_not_used_is_found() -> None:
    file = Bicep("param a string\nparam b string\nvar c = a")

    assert {fault.split()[1] for fault in checks.unused_symbols(file)} == {"b", "c"}


@pytest.mark.parametrize(
    ("use", "fault"),
    [
        ("", "asks for a"),
        ("a: 'x'\n    z: 'y'", "no parameter z"),
        ("a: 'x'", None),
        ("a: 'x'\n    b: 'y'", None),
    ],
)
def test_modules_get_their_parameters(tmp_path: Path, use: str, fault: str | None) -> None:
    (tmp_path / "m.bicep").write_text("param a string\nparam b string = 'b'\n")
    text = f"module m 'm.bicep' = {{\n  name: 'm'\n  params: {{\n    {use}\n  }}\n}}\n"

    found = list(checks.module_parameters(Bicep(text, tmp_path / "main.bicep")))

    assert [fault in each for each in found] == [True] if fault else found == []


@pytest.mark.parametrize("hand", ["m.outputs.there", "m!.outputs.there"])
def test_outputs_of_modules_exist(tmp_path: Path, hand: str) -> None:
    (tmp_path / "m.bicep").write_text("output there string = 'x'\n")
    module = "module m 'm.bicep' = {\n  name: 'm'\n}\n"
    right = Bicep(module + f"output o string = {hand}", tmp_path / "main.bicep")
    wrong = Bicep(module + f"output o string = {hand}s", tmp_path / "main.bicep")

    assert list(checks.module_parameters(right)) == []
    assert list(checks.module_parameters(wrong))


def test_a_module_that_is_not_there_is_found(tmp_path: Path) -> None:
    text = "module m 'modules/m.bicep' = {\n  name: 'm'\n}\n"

    assert list(checks.module_parameters(Bicep(text, tmp_path / "main.bicep")))


def test_a_module_with_a_name_of_its_own_is_found() -> None:
    named = Bicep("module m 'm.bicep' = if (yes) {\n  name: 'm'\n  params: {}\n}\n")
    unnamed = Bicep("module m 'm.bicep' = {\n  params: {\n    name: 'm'\n  }\n}\n")

    assert list(checks.module_names(named))
    assert list(checks.module_names(unnamed)) == []


@pytest.mark.parametrize(
    "text", ["param a object", "param a array = []", "type A = object", "param a { b: array }"]
)
def test_a_type_that_says_nothing_of_what_it_holds_is_found(text: str) -> None:
    assert list(checks.loose_types(Bicep(text)))


def test_types_of_texts_by_name_are_well() -> None:
    assert list(checks.loose_types(Bicep("param object { *: string }\nvar array = object"))) == []


@pytest.mark.parametrize(
    "resource",
    [
        "resource r 'a/b@1' = {\n  name: given\n}",
        "resource r 'a/b@1' existing = {\n  name: 'x-${given}'\n}",
        "resource r 'a/b@1' = if (empty(given)) {\n  name: 'x'\n}",
        "var all = [given]\nresource r 'a/b@1' = [\n  for each in all: {\n    name: 'x'\n  }\n]",
    ],
    ids=["its name", "the name of another's", "its condition", "a loop over it"],
)
@pytest.mark.parametrize("value", ["made.outputs.id", "passedOn"])
def test_a_resource_that_hangs_on_what_another_module_answers_is_found(
    tmp_path: Path, resource: str, value: str
) -> None:
    (tmp_path / "made.bicep").write_text("output id string = 'x'\n")
    (tmp_path / "m.bicep").write_text(f"param given string\n{resource}\n")
    main = (
        "module made 'made.bicep' = {}\nvar passedOn = made.outputs.id\nvar known = 'x'\n"
        "module m 'm.bicep' = {\n  params: {\n    given: VALUE\n  }\n}\n"
    )

    path = tmp_path / "main.bicep"
    assert list(checks.unforeseeable_resources(Bicep(main.replace("VALUE", value), path)))
    assert list(checks.unforeseeable_resources(Bicep(main.replace("VALUE", "known"), path))) == []


@pytest.mark.parametrize(
    "text",
    [
        "var a = 1 \n",
        "var a = {\n   b: 1\n}\n",
        "var a = 1\n\n\nvar b = 2\n",
        "var a = 1",
        "var a = [for b in c: {\n  d: b\n}]\n",
        "var a = b ? [] : [\n  1\n]\n",
        f"var a = concat({', '.join(['something'] * 12)})\n",
    ],
    ids=["blanks", "set in", "empty lines", "no end", "a loop", "a choice", "a long line"],
)
def test_what_the_formatter_would_write_otherwise_is_found(text: str) -> None:
    assert list(checks.formatting(Bicep(text)))


def test_what_the_formatter_writes_is_well() -> None:
    text = f"""
// A comment may be long{", since no formatter can part it" * 5}.
var a = b ? 1 : 2
var c = [
  for d in e: {{
    f: empty(d)
      ? []
      : [
          1
        ]
  }}
]
"""

    assert list(checks.formatting(Bicep(text.lstrip()))) == []


@pytest.mark.parametrize(
    ("capacities", "fault"),
    [
        ("'1': '0.5'\n'8': '1'", None),
        ("'1': '0.5'", "8 cores may be chosen"),
        ("'1': '0.5'\n'8': '0.5'", "8 cores keep at least 1.0"),
    ],
)
def test_a_capacity_that_does_not_fit_the_cores_is_found(
    capacities: str, fault: str | None
) -> None:
    main = Bicep("@allowed([\n  1\n  8\n])\nparam sqlMaximumCores int = 1\n")
    database = Bicep(
        f"var smallestCapacity = {{\n{capacities}\n}}\nvar a = smallestCapacity['1']\n"
    )

    found = list(checks.capacities(main, database))

    assert any(fault in each for each in found) if fault else found == []


def test_a_capacity_that_is_the_same_for_all_cores_is_found() -> None:
    main = Bicep("@allowed([\n  1\n])\nparam sqlMaximumCores int = 1\n")

    assert list(checks.capacities(main, Bicep("var smallestCapacity = {\n  '1': '0.5'\n}\n")))


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "nothing is given for a"),
        ({"a": "${A}", "z": "1"}, "no parameter z"),
        ({"a": "${A}", "n": "${N}"}, "give it a default"),
        ({"a": "${A}", "n": "${N=many}"}, "'many' is not"),
        ({"a": "${A}", "n": "${N=}"}, "'' is not"),
        ({"a": "${A}", "b": "${B=yes}"}, "'yes' is not"),
        ({"a": "${A}", "n": "${N=3}", "b": "${B=true}"}, None),
    ],
)
def test_the_parameter_file_is_compared(given: dict[str, str], fault: str | None) -> None:
    file = Bicep("param a string\nparam n int = 1\nparam b bool = true\n")
    parameters = {"parameters": {name: {"value": value} for name, value in given.items()}}

    found = list(checks.parameter_file(file, parameters))

    assert any(fault in each for each in found) if fault else found == []


@pytest.mark.parametrize("version", ["2022-07-01", "2027-01-01-preview"])
def test_another_api_version_is_found(version: str) -> None:
    file = Bicep(f"resource a 'Microsoft.KeyVault/vaults@{version}' = {{\n  name: 'a'\n}}")

    assert list(checks.api_versions(file, {"Microsoft.KeyVault/vaults": "2026-02-01"}))


def test_a_resource_that_is_not_on_the_list_is_found() -> None:
    file = Bicep("resource a 'Microsoft.Cache/redis@2024-11-01' = {\n  name: 'a'\n}")

    assert list(checks.api_versions(file, {}))


@pytest.mark.parametrize(
    "text",
    [
        "var owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'",
        f"var keyVaultReader = '{A_ROLE}'",
        f"resource a 'b/c@1' = {{\n  name: '{A_ROLE}'\n}}",
    ],
    ids=["an owner's", "under another name", "without a name"],
)
def test_a_role_that_is_not_on_the_list_is_found(text: str) -> None:
    assert list(checks.role_ids(Bicep(text), {A_ROLE: "keyVaultSecretsOfficer"}))


@pytest.mark.parametrize(
    "output",
    [
        "output a string = account.listKeys().keys[0].value",
        "output a string = insights.properties.ConnectionString",
        "output a string = 'x${hidden}'",
        "output adminPassword string = 'x'",
        "output a string = vault.getSecret('x')",
    ],
)
def test_a_secret_in_an_output_is_found(output: str) -> None:
    assert list(checks.secrets_in_outputs(Bicep(f"@secure()\nparam hidden string\n{output}")))


def test_settings_are_compared_with_who_reads_them() -> None:
    settings = checks.app_settings(Bicep("var settings = {\n  TZ: 'UTC'\n  ROWPOST_TYPO: '1'\n}"))

    assert list(checks.forbidden_settings(settings))
    assert len(list(checks.unknown_settings(settings, {"ROWPOST_DATA"}, {"TZ"}))) == 1
    assert list(checks.missing_settings(settings, ["KEY_VAULT_URI"]))


@pytest.mark.parametrize("name", ["FUNCTIONS_WORKER_RUNTIME", "WEBSITE_CONTENTSHARE"])
def test_what_flex_forbids_is_found(name: str) -> None:
    assert list(checks.forbidden_settings([name]))
