from tests.unit.deployment import Deployment

def test_path(deployment: Deployment) -> None:
    r = deployment.operator("POST", "/platform/stores", {"store_id": "demo", "name": "Demo", "currency": "USD", "timezone": "Europe/Berlin"})
    print(r)
    key = r.expect(201)["api_key"]
    r = deployment.call("GET", "/v1/store", key=key)
    print(r)
    print(deployment.call("GET", "/v1/store/status", key=key))
    print(deployment.call("GET", "/v1/api-keys", key=key))
    print(deployment.call("PATCH", "/v1/store", {"auto_processing": False, "max_award": 10.5}, key=key, if_match='"1"'))
    print(deployment.call("GET", "/v1/orders", key=key))
    print(deployment.call("GET", "/v1/orders/x", key=key))
    print(deployment.call("GET", "/v1/customers/x", key=key))
    print(deployment.operator("GET", "/platform/stores/demo"))
    print(deployment.operator("POST", "/platform/stores/demo/webhook-secrets", {"source": "events"}))
    print(deployment.operator("POST", "/platform/stores/demo/api-keys", {"name": "x", "role":"admin"}))
    print(deployment.call("GET", "/v1/api-keys?limit=1", key=key))
    print(deployment.call("GET", "/v1/api-keys?limit=1000", key=key))
    print(deployment.call("DELETE", "/v1/api-keys/nope", key=key))
    assert 0
