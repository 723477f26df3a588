"""The messages of the queue of group jobs: steps of jobs, and of imports of members."""

from cashback.domain.group_imports import ImportStep
from cashback.domain.group_jobs import Step

type GroupStep = Step | ImportStep
