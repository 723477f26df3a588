"""What the API says to requests that are not as they should be. Rows are those of the bad-input catalogue."""

import base64
import json
from typing import Any

import pytest

from cashback.domain.news import MAX_BODY
from tests.simulation.dynamo import Fault
from tests.unit.cpu import readings
from tests.unit.deployment import Deployment, Reply, function

KEYS = "/v1/api-keys"
VIEWER_KEY = {"name": "till", "role": "viewer"}


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def refused(deployment: Deployment, *call: Any, **more: Any) -> Reply:
    """Send what must be refused, and see that it left both tables as they were."""
    before = deployment.everything()
    reply = deployment.call(*call, **more)
    assert 400 <= reply.status < 500, reply.text
    assert deployment.everything() == before
    return reply


def send_raw(deployment: Deployment, text: str, *, encoded: bool = False, **more: Any) -> Reply:
    before = deployment.everything()
    context = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}
    reply = deployment.send("POST", KEYS, text, authorizer=context, encoded=encoded, **more)
    assert 400 <= reply.status < 500
    assert deployment.everything() == before
    return reply


# ---- rows 29-42: JSON


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '\ufeff{"name": "a", "role": "viewer"}',
        '{"name": "a"}x',
        '{"name": NaN}',
        '{"name": Infinity}',
        '{"name": -Infinity}',
        "[" * 2_000 + "]" * 2_000,
        "[" * 200_000,
        '{"name": ' * 40 + "1" + "}" * 40,
        "\udcff",
        "'a'",
        '{"name": 01}',
        '{"name": 0x10}',
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.row("30", "31", "32", "37")
def test_what_is_not_json_is_400(deployment: Deployment, admin: str, text: str) -> None:
    reply = send_raw(deployment, text)
    assert (reply.status, reply.code) == (400, "json_invalid")


@pytest.mark.row("29")
def test_bytes_that_are_not_utf8_are_400(deployment: Deployment, admin: str) -> None:
    reply = send_raw(deployment, base64.b64encode(b'{"name": "\xff\xfe"}').decode(), encoded=True)
    assert (reply.status, reply.code) == (400, "json_invalid")
    reply = send_raw(deployment, "%%%", encoded=True)
    assert (reply.status, reply.code) == (400, "json_invalid")


def test_an_encoded_body_is_decoded(deployment: Deployment, admin: str) -> None:
    body = base64.b64encode(json.dumps(VIEWER_KEY).encode()).decode()
    context = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}
    deployment.send("POST", KEYS, body, authorizer=context, encoded=True).expect(201)


@pytest.mark.parametrize("text", ['{"role":"admin","role":"viewer","name":"a"}', '{"name":"a","role":{"a":1,"a":2}}'])
@pytest.mark.row("36")
def test_a_key_named_twice_is_400(deployment: Deployment, admin: str, text: str) -> None:
    reply = send_raw(deployment, text)
    assert (reply.status, reply.code) == (400, "json_duplicate_key")


@pytest.mark.parametrize(
    "text", ["[]", '"text"', "null", "1", "true", '[{"name":"a","role":"viewer"}]', "[1" + ",1" * 200_000 + "]"]
)
@pytest.mark.row("39")
def test_a_top_level_that_is_no_object_is_422(deployment: Deployment, admin: str, text: str) -> None:
    assert send_raw(deployment, text).status == 422


def test_no_body_at_all_is_422(deployment: Deployment, admin: str) -> None:
    reply = refused(deployment, "POST", KEYS, key=admin)
    assert (reply.status, reply.code) == (422, "required")


@pytest.mark.row("38")
def test_a_list_with_too_many_items_is_422(deployment: Deployment, admin: str) -> None:
    body = {"app_sources": ["a"] * 200_000}
    reply = refused(deployment, "PATCH", "/v1/store", body, key=admin, if_match="1")
    assert reply.faults == [("app_sources", "too_many_items")]


@pytest.mark.parametrize("number", ["1" * 5_000, "-" + "9" * 5_000])
@pytest.mark.row("35")
def test_an_absurd_integer_is_400_where_no_amount_belongs(deployment: Deployment, admin: str, number: str) -> None:
    for field in ("name", "unknown_field"):
        reply = send_raw(deployment, f'{{"{field}": {number}}}')
        assert (reply.status, reply.code) == (400, "json_invalid")


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("1" * 5_000, "amount_too_large"),
        ("1e400", "amount_format"),
        ("1e300000", "amount_format"),
        ("12345678901234567.89", "amount_too_large"),
        ('"12345678901234567.89"', "amount_too_large"),
        ("0.001", "amount_precision"),
        ("0.30000000000000004", "amount_precision"),
        ('"1_000"', "amount_format"),
        ('" 12 "', "amount_format"),
        ('"\uff11\uff12"', "amount_format"),
        ('"\u0661\u0662"', "amount_format"),
        ('"+5"', "amount_format"),
        ("1e2", "amount_format"),
        ('"1,000.00"', "amount_format"),
        ('".5"', "amount_format"),
        ('"5."', "amount_format"),
        ("true", "amount_format"),
        ("[]", "amount_format"),
        ("{}", "amount_format"),
        ("-5", "amount_negative"),
    ],
    ids=lambda value: value[:20],
)
@pytest.mark.row("33", "34", "46", "48", "49", "50", "51", "52")
def test_an_amount_that_is_none_is_422_at_once(deployment: Deployment, admin: str, literal: str, code: str) -> None:
    def refuse() -> None:
        reply = refused(deployment, "PATCH", "/v1/store", f'{{"max_award": {literal}}}', key=admin, if_match="1")
        assert reply.faults == [("max_award", code)]
        assert reply.code == code

    assert readings(refuse) < 10


@pytest.mark.parametrize("literal", ["10", "10.5", "10.50", '"10"', '"10.5"', '"10.50"'])
def test_amounts_are_read_as_they_are_written(deployment: Deployment, admin: str, literal: str) -> None:
    body = f'{{"max_award": {literal}}}'
    changed = deployment.call("PATCH", "/v1/store", body, key=admin, if_match="1").expect(200)
    assert changed["max_award"] in {"10.00", "10.50"}


@pytest.mark.parametrize("field", ["name", "role", "expires_at"])
def test_a_number_where_a_text_belongs_is_422(deployment: Deployment, admin: str, field: str) -> None:
    reply = refused(deployment, "POST", KEYS, {**VIEWER_KEY, field: 1}, key=admin)
    assert reply.status == 422


@pytest.mark.parametrize("value", ["30", True, 1.5, None, "x"])
def test_a_whole_number_is_a_json_number(deployment: Deployment, admin: str, value: Any) -> None:
    reply = refused(deployment, "PATCH", "/v1/store", {"guest_claim_days": value}, key=admin, if_match="1")
    assert reply.faults == [("guest_claim_days", "type")]


@pytest.mark.parametrize("value", [1, "true", 0, None])
def test_a_flag_is_a_json_boolean(deployment: Deployment, admin: str, value: Any) -> None:
    reply = refused(deployment, "PATCH", "/v1/store", {"auto_processing": value}, key=admin, if_match="1")
    assert reply.faults == [("auto_processing", "type")]


@pytest.mark.row("40")
def test_a_lone_surrogate_is_422(deployment: Deployment, admin: str) -> None:
    assert send_raw(deployment, '{"name": "\\ud800", "role": "viewer"}').faults == [("name", "string_unicode")]
    body = '{"source_rates": {"\\ud800": "0.1"}}'
    assert refused(deployment, "PATCH", "/v1/store", body, key=admin, if_match="1").status == 422
    assert send_raw(deployment, '{"\\ud800": 1}').status == 422


@pytest.mark.row("41")
def test_a_zero_byte_in_an_id_is_422(deployment: Deployment) -> None:
    reply = deployment.operator("POST", "/platform/stores", '{"store_id": "ab\\u0000c"}')
    assert ("store_id", "id_charset") in reply.faults


@pytest.mark.parametrize("name", ["__proto__", "balance", "store_id", "created_by", "api_key", "digest", "<script>"])
@pytest.mark.row("42", "96")
def test_an_unknown_field_is_422_and_never_repeated(deployment: Deployment, admin: str, name: str) -> None:
    reply = refused(deployment, "POST", KEYS, {**VIEWER_KEY, name: "canary-value"}, key=admin)
    assert (reply.status, reply.code) == (422, "field_unknown")
    assert reply.faults == [("body", "field_unknown")]
    assert "canary" not in reply.text
    assert "<script>" not in reply.text


def test_keys_of_the_callers_own_are_never_repeated(deployment: Deployment, admin: str) -> None:
    body = {"source_rates": {"canary": "2"}, "tiers": [{"name": "a", "min_spent": "1", "rate": "0.1", "canary": 1}]}
    reply = refused(deployment, "PATCH", "/v1/store", body, key=admin, if_match="1")
    assert reply.faults == [("tiers.0", "field_unknown")]
    reply = refused(deployment, "PATCH", "/v1/store", {"source_rates": {"canary": "2"}}, key=admin, if_match="1")
    assert reply.faults == [("source_rates", "rate_range")]
    assert "canary" not in reply.text


# ---- transport


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_of_another_content_type_is_415_before_anything_else(deployment: Deployment, kind: str | None) -> None:
    for authorizer in (None, {"store_id": "demo", "api_key_id": "k", "role": "viewer"}):
        reply = deployment.send("POST", KEYS, "role=admin", authorizer=authorizer, content_type=kind)
        assert (reply.status, reply.code) == (415, "unsupported_media_type")
        assert "role" not in reply.text


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_json_however_it_is_spelled(deployment: Deployment, admin: str, kind: str) -> None:
    context = {"store_id": "demo", "api_key_id": "k", "role": "admin"}
    deployment.send("POST", KEYS, VIEWER_KEY, authorizer=context, content_type=kind).expect(201)


def test_a_body_over_one_mebibyte_is_413(deployment: Deployment, admin: str) -> None:
    for name in ("a" * MAX_BODY, "é" * (MAX_BODY // 2), "a" * 5 * MAX_BODY):
        reply = send_raw(deployment, json.dumps({"name": name, "role": "viewer"}, ensure_ascii=False))
        assert (reply.status, reply.code) == (413, "body_too_large")


@pytest.mark.row("102")
def test_an_unknown_route_is_404_and_a_wrong_method_405(deployment: Deployment, admin: str) -> None:
    assert refused(deployment, "GET", "/v1/nothing", key=admin).status == 404
    assert refused(deployment, "GET", "/v1//store", key=admin).status == 404
    wrong = refused(deployment, "DELETE", "/v1/store", key=admin)
    assert (wrong.status, wrong.code, wrong.headers["Allow"]) == (405, "method_not_allowed", ["GET, PATCH"])


@pytest.mark.row("102")
def test_a_method_override_header_is_ignored(deployment: Deployment, admin: str) -> None:
    reply = deployment.call("GET", "/v1/store", key=admin, x_http_method_override="DELETE")
    assert reply.expect(200)["store_id"] == "demo"


@pytest.mark.row("79")
def test_a_query_that_the_route_does_not_know_is_422(deployment: Deployment, admin: str) -> None:
    for query in ("sort=name", "__class__=1", "filter[x]=1", "limit=1&Limit=2"):
        reply = refused(deployment, "GET", f"{KEYS}?{query}", key=admin)
        assert (reply.status, reply.faults) == (422, [("query", "parameter_unknown")])


def test_a_parameter_named_twice_is_422(deployment: Deployment, admin: str) -> None:
    reply = refused(deployment, "GET", f"{KEYS}?limit=1&limit=2", key=admin)
    assert (reply.status, reply.faults) == (422, [("limit", "parameter_repeated")])


@pytest.mark.parametrize(
    "limit", ["0", "-1", "101", "1000000000", "10;drop", "\uff11\uff10", "", " 1", "1.0", "+1", "0x1"]
)
@pytest.mark.row("78")
def test_a_limit_out_of_range_is_422(deployment: Deployment, admin: str, limit: str) -> None:
    for path in (KEYS, "/v1/orders", "/v1/customers/c1/transactions"):
        reply = refused(deployment, "GET", f"{path}?limit={limit.replace('+', '%2B')}", key=admin)
        assert (reply.status, reply.faults) == (422, [("limit", "out_of_range")])


# ---- rows 62-67: ids


@pytest.mark.parametrize(
    ("path_id", "code"),
    [
        ("a" * 201, "id_length"),
        ("a" * 2_049, "id_length"),
        ("%25C3%25A9" * 34, "id_length"),
        ("..", "id_charset"),
        (".", "id_charset"),
        ("a%", "id_charset"),
        ("a%zz", "id_charset"),
    ],
)
@pytest.mark.row("62", "63")
def test_an_id_that_nothing_is_stored_under_is_422(deployment: Deployment, admin: str, path_id: str, code: str) -> None:
    for path in ("/v1/orders/{}", "/v1/customers/{}", "/v1/customers/{}/balance"):
        reply = refused(deployment, "GET", path.format(path_id), key=admin)
        assert (reply.status, reply.code) == (422, code)


@pytest.mark.parametrize(
    "path_id",
    ["%20", "a%23b", "a%0Ab", "a%E2%80%8Bb", "%E2%80%AEa", "caf%C3%A9", "S%23a%23U%23b", "a%00b", "a%2Fb", "é", "a b"],
)
def test_an_id_that_only_shops_could_give_is_looked_up(deployment: Deployment, admin: str, path_id: str) -> None:
    for path in ("/v1/orders/{}", "/v1/customers/{}", "/v1/customers/{}/balance"):
        assert refused(deployment, "GET", path.format(path_id), key=admin).code == "not_found"


def test_an_id_in_a_query_is_spelled_as_it_is_stored(deployment: Deployment, admin: str) -> None:
    deployment.call("GET", "/v1/orders?customer_id=a%252Fb", key=admin).expect(200)
    for given, code in (("a%2Fb", "id_charset"), ("%20", "id_length"), ("a" * 201, "id_length")):
        assert refused(deployment, "GET", f"/v1/orders?customer_id={given}", key=admin).faults == [
            ("customer_id", code)
        ]


@pytest.mark.parametrize("path_id", ["a@b.c", "A:1", "~x", "1+1", "1", "01"])
def test_an_id_of_the_allowed_characters_is_looked_up(deployment: Deployment, admin: str, path_id: str) -> None:
    for spelled in (path_id, path_id.replace("@", "%40").replace(":", "%3A").replace("+", "%2B")):
        assert refused(deployment, "GET", f"/v1/customers/{spelled}", key=admin).code == "not_found"


@pytest.mark.row("95", "S27")
def test_another_stores_id_answers_like_one_that_is_not_there(deployment: Deployment, admin: str) -> None:
    deployment.create_store("other")
    theirs = deployment.operator("GET", "/platform/stores/other").expect(200)
    assert theirs["store_id"] == "other"
    keys = deployment.call(
        "GET",
        KEYS,
        key=deployment.operator("POST", "/platform/stores/other/api-keys", {"name": "a", "role": "admin"}).expect(201)[
            "api_key"
        ],
    ).expect(200)
    foreign = refused(deployment, "DELETE", f"{KEYS}/{keys['items'][0]['api_key_id']}", key=admin)
    absent = refused(deployment, "DELETE", f"{KEYS}/key_none", key=admin)
    assert (foreign.status, absent.status) == (404, 404)
    assert {**foreign.json, "request_id": ""} == {**absent.json, "request_id": ""}


# ---- row 72: times


@pytest.mark.parametrize(
    "moment",
    [
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00%2B23:00",
        "9999-12-31T23:59:59-23:00",
        "2026-12-31T23:59:60Z",
        "2026-W01-1",
        "20260101T000000Z",
        "2026-01-01T00:00:00",
        "2026-01-01",
        "1767225600",
        "",
        "2026-01-01T24:01:00Z",
        "\uff12026-01-01T00:00:00Z",
        "2026-01-01T00:00:00 00:00",
    ],
)
@pytest.mark.row("72")
def test_a_time_that_is_not_rfc_3339_is_422(deployment: Deployment, admin: str, moment: str) -> None:
    for path in ("/v1/customers/c1/balance?at=", "/v1/orders?from=", "/v1/customers/c1/transactions?to="):
        reply = refused(deployment, "GET", path + moment, key=admin)
        assert (reply.status, reply.code) == (422, "time_format")


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00Z", "2026-01-01t02:00:00.123456789%2B02:00"])
def test_a_time_of_rfc_3339_is_taken(deployment: Deployment, admin: str, moment: str) -> None:
    deployment.call("GET", f"/v1/orders?from={moment}", key=admin).expect(200)


# ---- rows 92-96: who may


WRITES = [
    ("PATCH", "/v1/store", "admin"),
    ("POST", KEYS, "admin"),
    ("GET", KEYS, "admin"),
    ("DELETE", f"{KEYS}/key_1", "admin"),
    ("POST", "/v1/orders/1/approve", "operator"),
    ("POST", "/v1/orders/1/reject", "operator"),
]


@pytest.mark.parametrize(("method", "path", "least"), WRITES)
@pytest.mark.row("94")
def test_a_role_may_only_what_it_may(deployment: Deployment, admin: str, method: str, path: str, least: str) -> None:
    roles = ["viewer", "operator", "admin"]
    for role in roles[: roles.index(least)]:
        key = deployment.make_key(admin, role)
        reply = refused(deployment, method, path, {"not": "even valid"}, key=key)
        assert (reply.status, reply.code) == (403, "forbidden")


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_role_may_read(deployment: Deployment, admin: str, role: str) -> None:
    key = deployment.make_key(admin, role)
    for path in ("/v1/store", "/v1/store/status", "/v1/orders"):
        deployment.call("GET", path, key=key).expect(200)


def test_without_the_authorizers_word_nothing_is_served(deployment: Deployment, admin: str) -> None:
    assert deployment.send("GET", "/v1/store").status == 403
    assert deployment.send("GET", "/v1/orders").status == 403


def test_an_api_key_is_no_operator(deployment: Deployment, admin: str) -> None:
    context = {"store_id": "demo", "api_key_id": "k", "role": "admin"}
    reply = deployment.send("GET", "/platform/stores/demo", authorizer=context, user_arn="arn:aws:iam::0:user/x")
    assert reply.status == 403
    assert deployment.send("GET", "/platform/stores/demo").status == 403


@pytest.mark.parametrize("person", ["", " anna", "anna ", "é", "a" * 101, "a\nb", "a\tb"])
def test_an_actor_that_is_not_plain_is_400(deployment: Deployment, admin: str, person: str) -> None:
    reply = refused(deployment, "GET", "/v1/store", key=admin, x_actor=person)
    assert (reply.status, reply.code) == (400, "actor_format")


def test_the_actor_is_kept_with_the_key(deployment: Deployment, admin: str) -> None:
    changed = deployment.call("PATCH", "/v1/store", {"name": "N"}, key=admin, if_match="1", x_actor="anna b").expect(
        200
    )
    assert changed["updated_by"].startswith("anna b (key:key_")


# ---- rows 68-70: Idempotency-Key


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.row("68")
def test_a_decision_without_a_usable_key_is_400(deployment: Deployment, admin: str, action: str) -> None:
    body = {"expected_amount": "1.00"} if action == "approve" else {"reason": "no"}
    path = f"/v1/orders/1/{action}"
    assert refused(deployment, "POST", path, body, key=admin).code == "idempotency_key_required"
    for bad in ("", "a" * 256, "é", "a b", "a\x7f"):
        reply = refused(deployment, "POST", path, body, key=admin, idempotency_key=bad)
        assert (reply.status, reply.code) == (400, "idempotency_key_format")


ROUTES = [
    (route.method, route.rule, route.needs_key, route.needs_version)
    for name in ("settings_api", "orders_api", "customers_api")
    for route in function(name).api.routes
]


@pytest.mark.parametrize(("method", "rule", "needs_key", "needs_version"), ROUTES)
@pytest.mark.row("F43")
def test_a_route_insists_on_the_headers_that_it_is_documented_to_need(
    deployment: Deployment, admin: str, method: str, rule: str, needs_key: bool, needs_version: bool
) -> None:
    reply = deployment.call(method, rule.replace("<", "").replace(">", ""), key=admin)
    code = json.loads(reply.text or "{}").get("code")
    assert (code == "idempotency_key_required") == needs_key
    assert (code == "if_match_required") == needs_version


# ---- failures


@pytest.mark.row("F10")
def test_tables_out_of_reach_are_503_with_retry_after(deployment: Deployment, admin: str) -> None:
    deployment.dynamo.faults.script[deployment.dynamo.faults.calls + 2] = Fault.ERROR_BEFORE
    reply = deployment.call("GET", "/v1/store", key=admin)
    assert (reply.status, reply.code) == (503, "busy")
    assert reply.headers["Retry-After"] == ["2"]


def test_a_bug_is_a_crash_and_no_answer(deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function("settings_api"), "read_settings", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        deployment.call("GET", "/v1/store", key=admin)


def test_an_answer_that_does_not_fit_its_model_is_a_500_problem(
    deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function("settings_api").store_views, "settings", lambda _: {"store_id": 7})
    reply = deployment.call("GET", "/v1/store", key=admin)
    assert (reply.status, reply.code) == (500, "internal")


@pytest.mark.row("F16")
def test_no_request_is_left_behind_for_the_next(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    for key, store_id in ((admin, "demo"), (other, "other"), (admin, "demo")):
        assert deployment.call("GET", "/v1/store", key=key).expect(200)["store_id"] == store_id


@pytest.mark.row("S21")
def test_changes_are_logged_by_id_and_outcome_only(
    deployment: Deployment, admin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.call("POST", KEYS, {"name": "canary", "role": "viewer"}, key=admin).expect(201)
    deployment.call("GET", "/v1/store", key=admin).expect(200)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["path"], line["status"]) for line in lines if line["event"] == "api_call"][-1:] == [
        ("api_call", KEYS, 201)
    ]
    assert "canary" not in json.dumps(lines)
    assert "cbk_" not in json.dumps(lines)
