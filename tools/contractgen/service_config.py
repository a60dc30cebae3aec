"""What gRPC does by itself in every client: balancing, health, retries."""

from contract import CLIENT_SERVICE

RETRY_POLICY = {
    "maxAttempts": 3,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
RETRY_THROTTLING = {"maxTokens": 10, "tokenRatio": 0.1}


def retried(contract):
    """The methods whose calls gRPC may send again. Streams are not among them:
    who watches opens them again."""
    return [m for m in contract.client_calls if m.repeatable != "NO"]


def service_config(contract, with_health=True):
    """gRPC's service config as a JSON value."""
    health = {"healthCheckConfig": {"serviceName": CLIENT_SERVICE}}
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        **(health if with_health else {}),
        "methodConfig": [
            {
                "name": [
                    {"service": CLIENT_SERVICE, "method": method.name}
                    for method in retried(contract)
                ],
                "retryPolicy": RETRY_POLICY,
            }
        ],
        "retryThrottling": RETRY_THROTTLING,
    }
