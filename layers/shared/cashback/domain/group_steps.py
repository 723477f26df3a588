"""The messages of the queue of group jobs: steps of jobs, and of imports of members."""

from msgspec import Struct


class SnapshotStep(Struct, frozen=True, tag="snapshot"):
    """A message: read further members. ``step`` is that of the job it was sent for."""

    store_id: str
    job_id: str
    step: int


class FanOutStep(Struct, frozen=True, tag="fan_out"):
    """A message: send messages for further chunks. ``step`` is that of the job it was sent for."""

    store_id: str
    job_id: str
    step: int


class ChunkStep(Struct, frozen=True, tag="chunk"):
    """A message: post one chunk."""

    store_id: str
    job_id: str
    number: int


class ImportStep(Struct, frozen=True, tag="import"):
    """A message: work through one page of an import."""

    store_id: str
    group_id: str
    import_id: str
    page: int


type PlanStep = SnapshotStep | FanOutStep
type JobStep = PlanStep | ChunkStep
type GroupStep = JobStep | ImportStep
