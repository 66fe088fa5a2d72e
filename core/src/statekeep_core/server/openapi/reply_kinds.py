"""What each kind of request is answered with, when it is not refused."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from statekeep_core._shared.state import messages as m

REPLIES: MappingProxyType[type[Any], tuple[type[Any], ...]] = MappingProxyType(
    {
        m.Start: (m.Started,),
        m.Heartbeat: (m.LeaseRenewed,),
        m.Finish: (m.Finished,),
        m.AddGrant: (m.Grant,),
        m.Get: (m.Entry, m.Absent),
        m.Set: (m.Written,),
        m.Delete: (m.Written,),
        m.Clear: (m.Written,),
        m.Increment: (m.Entry,),
        m.SetMax: (m.Entry,),
        m.Batch: (m.BatchDone,),
        m.ListEntries: (m.Entries,),
        m.ListHistory: (m.History,),
        m.FetchDisposals: (m.Disposals,),
        m.AcknowledgeDisposals: (m.Done,),
        m.Condemn: (m.Condemned,),
        m.SweepStep: (m.Swept,),
        m.DescribeStore: (m.StoreDescription,),
        m.Rewind: (m.Written,),
        m.ListTries: (m.Tries,),
        m.ListAssets: (m.Assets,),
        m.FindAsset: (m.AssetRow,),
        m.Deactivate: (m.Done,),
        m.Restore: (m.Done,),
    }
)
