"""The event log: ingest, storage, time zones, and tests on single events."""

from __future__ import annotations

from seqmine.events.accounting import Accounting
from seqmine.events.data import AttributeColumn
from seqmine.events.log import EventLog

__all__ = ["Accounting", "AttributeColumn", "EventLog"]
