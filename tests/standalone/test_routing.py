from __future__ import annotations

from typing import Any

import pytest

from standalone.index import HttpFunction
from standalone.routing import InvalidRoute, Router


def function(name: str, route: str, *methods: str) -> HttpFunction:
    return HttpFunction(name, "req", lambda req: None, route, frozenset(methods) or None)


def values_of(route: str, path: str) -> dict[str, Any] | None:
    match = Router([function("only", route)]).match("GET", path)
    return None if match is None else dict(match.values)


@pytest.mark.parametrize(
    ("route", "path", "values"),
    [
        ("health", "/health", {}),
        ("health", "/HEALTH/", {}),
        ("Api/Emails", "/api/emails", {}),
        ("health", "/health/x", None),
        ("health", "/", None),
        ("api/emails/{id}", "/api/emails/7", {"id": "7"}),
        ("api/emails/{id}", "/api/emails/7/", {"id": "7"}),
        ("api/emails/{id}", "/api/emails/", None),
        ("api/emails/{id}/cancel", "/api/emails/a b/cancel", {"id": "a b"}),
        ("api/emails/{id?}", "/api/emails", {}),
        ("api/emails/{id?}", "/api/emails/x", {"id": "x"}),
        ("api/emails/{id:int?}", "/api/emails/x", None),
        ("api/emails/{id:int?}", "/api/emails", {}),
        ("files/{*path}", "/files/a/b//c", {"path": "a/b//c"}),
        ("files/{*path}", "/files", {}),
        ("{*path}", "/", {}),
        ("{*path}", "/any/thing", {"path": "any/thing"}),
        ("{**path}", "/any/thing", {"path": "any/thing"}),
        ("a/{x}/{y}", "/a//b", None),
    ],
)
def test_a_route_matches_a_path(route: str, path: str, values: dict[str, str] | None) -> None:
    assert values_of(route, path) == values


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ("int", ["0", "-7", "+7", "2147483647"], ["2147483648", "1.0", "x", "1_000", "٣"]),
        (
            "guid",
            [
                "0f8fad5b-d9cb-469f-a165-70867728950e",
                "0F8FAD5BD9CB469FA16570867728950E",
                "{0f8fad5b-d9cb-469f-a165-70867728950e}",
                "(0f8fad5b-d9cb-469f-a165-70867728950e)",
            ],
            ["0f8fad5b", "0f8fad5b-d9cb-469f-a165-70867728950g", "17"],
        ),
        ("regex(^\\d{{3}}-[a-z]+$)", ["123-ab", "123-AB"], ["12-ab", "123-"]),
        ("regex(^(sent|failed)$)", ["sent", "failed"], ["resent"]),
    ],
)
def test_a_constraint_lets_the_right_values_through(
    constraint: str, good: list[str], bad: list[str]
) -> None:
    route = f"things/{{id:{constraint}}}"
    matched = {v: values_of(route, f"/things/{v}") for v in good + bad if "/" not in v}
    expected = {v: ({"id": v} if v in good else None) for v in matched}
    assert matched == expected


def test_the_first_function_by_name_wins_even_over_a_literal() -> None:
    router = Router([function("b_literal", "emails/batch"), function("a_any", "emails/{id}")])
    match = router.match("GET", "/emails/batch")
    assert match is not None
    assert match.function.name == "a_any"


def test_a_failed_constraint_falls_through_to_the_next_route() -> None:
    router = Router([function("a", "emails/{id:int}"), function("b", "emails/{status}")])
    found = [router.match("GET", f"/emails/{value}") for value in ("7", "sent")]
    assert [match and match.function.name for match in found] == ["a", "b"]


def test_a_wrong_method_falls_through_to_the_catch_all() -> None:
    router = Router([function("a", "emails", "POST"), function("z", "{*path}")])
    found = [router.match(method, "/emails") for method in ("post", "PUT")]
    assert [match and match.function.name for match in found] == ["a", "z"]


def test_a_wrong_method_matches_nothing_without_a_catch_all() -> None:
    assert Router([function("a", "emails", "POST")]).match("GET", "/emails") is None


def test_the_route_prefix_comes_first() -> None:
    router = Router([function("a", "emails")], prefix="api")
    assert router.match("GET", "/emails") is None
    assert router.match("GET", "/api/emails") is not None


@pytest.mark.parametrize(
    "route",
    [
        "admin/things",
        "Runtime/x",
        "x/{id",
        "x/{id:nonsense}",
        "x/{id:length(a)}",
        "x/{*rest}/y",
        "x/{name}.{ext}",
        "x/{id:regex(()}",
    ],
)
def test_a_route_that_the_host_would_not_load_is_refused(route: str) -> None:
    with pytest.raises(InvalidRoute):
        Router([function("a", route)])
