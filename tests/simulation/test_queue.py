"""The virtual queue: at least once, in any order, never lost."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.simulation.clock import Clock
from tests.simulation.faults import Fault, Faults, Rates
from tests.simulation.queue import Queue, SqsRefusal, Traffic
from tests.simulation.sqs import SimulatedSqs


@pytest.fixture
def clock() -> Clock:
    return Clock()


def bodies(queue: Queue, most: int = 10) -> list[str]:
    return [record["body"] for record in queue.receive(most)]


class TestQueue:
    def test_a_received_message_is_hidden_until_its_visibility_ends(self, clock: Clock) -> None:
        queue = Queue("q", clock, visibility=30)
        queue.send("a")
        assert [bodies(queue), bodies(queue)] == [["a"], []]
        clock.advance(30)
        (record,) = queue.receive()
        assert record["attributes"]["ApproximateReceiveCount"] == "2"

    def test_a_delayed_message_waits(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        queue.send("late", delay=10)
        queue.send("now")
        assert bodies(queue) == ["now"]
        clock.advance(9)
        assert bodies(queue) == []
        clock.advance(1)
        assert bodies(queue) == ["late"]

    def test_a_record_is_what_lambda_hands_over(self, clock: Clock) -> None:
        queue = Queue("orders", clock)
        sent = queue.send('{"a": 1}', group="store-1", attributes={"kind": {"StringValue": "x", "DataType": "String"}})
        clock.advance(2)
        event = queue.event()
        assert event is not None
        (record,) = event["Records"]
        assert record["messageId"] == sent
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"] == queue.arn
        assert record["attributes"]["MessageGroupId"] == "store-1"
        sent_ms, first_ms = (
            int(record["attributes"][name]) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")
        )
        assert first_ms - sent_ms == 2000
        assert queue.event() is None

    def test_settling_deletes_what_was_not_reported(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        for body in "abc":
            queue.send(body)
        event = queue.event()
        assert event is not None
        failed = event["Records"][1]["messageId"]
        queue.settle(event, {"batchItemFailures": [{"itemIdentifier": failed}]})
        clock.advance(30)
        assert bodies(queue) == ["b"]

    @pytest.mark.parametrize("failures", [[{"itemIdentifier": ""}], [{"itemIdentifier": "unknown"}], [{}], ["x"], "x"])
    @pytest.mark.row("F20")
    def test_a_malformed_report_fails_the_whole_batch(self, clock: Clock, failures: object) -> None:
        queue = Queue("q", clock)
        queue.send("a")
        event = queue.event()
        assert event is not None
        assert queue.settle(event, {"batchItemFailures": failures}) == []
        assert len(queue) == 1

    @pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
    def test_no_report_is_success(self, clock: Clock, response: dict[str, object] | None) -> None:
        queue = Queue("q", clock)
        queue.send("a")
        event = queue.event()
        assert event is not None
        assert len(queue.settle(event, response)) == 1
        assert len(queue) == 0

    def test_a_poison_message_reaches_the_dead_letters_after_its_receives(self, clock: Clock) -> None:
        dead = Queue("dead", clock)
        queue = Queue("q", clock, max_receive_count=3, dead_letters=dead)
        queue.send("poison")
        for _ in range(3):
            assert bodies(queue) == ["poison"]
            clock.advance(30)
        assert bodies(queue) == []
        assert (len(queue), len(dead)) == (0, 1)
        (record,) = dead.receive()
        assert record["attributes"]["DeadLetterQueueSourceArn"] == queue.arn
        assert dead.redrive(queue) == 1
        assert bodies(queue) == ["poison"]

    def test_a_lengthened_visibility_counts_from_now(self, clock: Clock) -> None:
        queue = Queue("q", clock, visibility=30)
        queue.send("a")
        (record,) = queue.receive()
        clock.advance(20)
        queue.change_visibility(record["receiptHandle"], 60)
        assert queue.next_visible_at() == clock.time() + 60
        clock.advance(59)
        assert bodies(queue) == []
        clock.advance(1)
        assert bodies(queue) == ["a"]

    def test_an_old_receipt_deletes_nothing_and_an_ended_one_cannot_be_lengthened(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        queue.send("a")
        (first,) = queue.receive()
        clock.advance(30)
        with pytest.raises(SqsRefusal):
            queue.change_visibility(first["receiptHandle"], 60)
        queue.receive()
        queue.delete(first["receiptHandle"])
        assert len(queue) == 1

    def test_duplicates_share_their_id_and_every_one_must_be_deleted(self, clock: Clock) -> None:
        queue = Queue("q", clock, traffic=Traffic(duplicate=1.0))
        queue.send("a")
        (first,), (second,) = queue.receive(), queue.receive()
        assert first["messageId"] == second["messageId"]
        assert first["receiptHandle"] != second["receiptHandle"]
        queue.calm()
        queue.delete(first["receiptHandle"])
        queue.delete(second["receiptHandle"])
        assert bodies(queue) == ["a"]

    def test_a_deleted_message_may_come_back(self, clock: Clock) -> None:
        queue = Queue("q", clock, traffic=Traffic(resurrect=1.0))
        queue.send("a")
        (record,) = queue.receive()
        queue.delete(record["receiptHandle"])
        clock.advance(30)
        assert bodies(queue) == ["a"]

    def test_order_is_shuffled_by_the_seed_alone(self, clock: Clock) -> None:
        def order(seed: int) -> list[str]:
            queue = Queue("q", clock, seed=seed, traffic=Traffic(reorder=1.0))
            for body in "abcdef":
                queue.send(body)
            return bodies(queue)

        assert order(1) == order(1)
        assert len({tuple(order(seed)) for seed in range(5)}) > 1
        assert sorted(order(1)) == list("abcdef")

    @pytest.mark.parametrize(
        ("body", "delay", "group"),
        [
            ("\x00", 0, None),
            ("", 0, None),
            ("a" * 1_048_577, 0, None),
            ("a", 901, None),
            ("a", -1, None),
            ("a", 0, "ü"),
            ("\ud800", 0, None),
        ],
    )
    def test_what_sqs_refuses_is_refused(self, clock: Clock, body: str, delay: int, group: str | None) -> None:
        queue = Queue("q", clock)
        with pytest.raises(SqsRefusal):
            queue.send(body, delay=delay, group=group)
        assert len(queue) == 0


class TestSimulatedSqs:
    def test_a_lost_answer_leaves_the_message_sent(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        client = SimulatedSqs([queue], Faults(script={1: Fault.LOST_AFTER}))
        with pytest.raises(ReadTimeoutError):
            client.send_message(QueueUrl=queue.url, MessageBody="a", MessageGroupId="g", DelaySeconds=5)
        clock.advance(5)
        assert bodies(queue) == ["a"]

    @pytest.mark.parametrize(("fault", "kept"), [(Fault.ERROR_BEFORE, 0), (Fault.ERROR_AFTER, 1), (Fault.THROTTLE, 0)])
    def test_a_failed_send_tells_nothing_of_what_was_kept(self, clock: Clock, fault: Fault, kept: int) -> None:
        queue = Queue("q", clock)
        client = SimulatedSqs([queue], Faults(script={1: fault}))
        with pytest.raises(ClientError):
            client.send_message(QueueUrl=queue.url, MessageBody="a")
        assert len(queue) == kept

    def test_a_batch_may_succeed_in_part(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        client = SimulatedSqs([queue], Faults(2, Rates(partial=0.5)))
        entries = [{"Id": str(number), "MessageBody": f"m{number}"} for number in range(10)]
        answer = client.send_message_batch(QueueUrl=queue.url, Entries=entries)
        done, failed = ({part["Id"] for part in answer[name]} for name in ("Successful", "Failed"))
        assert done | failed == {str(number) for number in range(10)}
        assert failed
        assert sorted(bodies(queue)) == sorted(f"m{number}" for number in done)

    def test_refusals_have_botos_shape(self, clock: Clock) -> None:
        client = SimulatedSqs([])
        with pytest.raises(ClientError) as caught:
            client.send_message(QueueUrl="nowhere", MessageBody="a")
        assert caught.value.response["Error"]["Code"] == "QueueDoesNotExist"
        assert isinstance(caught.value, client.exceptions.QueueDoesNotExist)

    def test_a_message_is_received_lengthened_and_deleted(self, clock: Clock) -> None:
        queue = Queue("q", clock)
        client = SimulatedSqs([queue])
        client.send_message(QueueUrl=queue.url, MessageBody="a")
        (message,) = client.receive_message(QueueUrl=queue.url)["Messages"]
        handle = message["ReceiptHandle"]
        client.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=handle, VisibilityTimeout=900)
        clock.advance(899)
        assert "Messages" not in client.receive_message(QueueUrl=queue.url)
        client.delete_message(QueueUrl=queue.url, ReceiptHandle=handle)
        clock.advance(900)
        assert len(queue) == 0
