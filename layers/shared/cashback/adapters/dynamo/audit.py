"""The audit of admin acts: one item an act, written in the transaction of the change."""

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.audit import Act
from cashback.domain.ledger import Write


def audit_line(table: StateTable, store_id: str, act: Act) -> Write:
    """Build the write of one line."""
    pk, sk = keys.audit(store_id, act.at, act.origin.request_id)
    return table.put(
        {
            "pk": pk,
            "sk": sk,
            "what": act.what,
            "target": act.target,
            "at": act.at,
            "actor": act.origin.actor,
            "request_id": act.origin.request_id,
            "source_ip": act.origin.source_ip,
            "before": act.before,
            "after": act.after,
        }
    )
