//! A session's row, and how it is written: a length, a checksum, and the row in postcard's layout.

use radial_protocol::event::TimeMs;
use radial_protocol::names::{SessionId, UserId};
use radial_protocol::{Epoch, Offset, TenantId};
use serde::{Deserialize, Serialize};

/// Names a session: its tenant, its user, its own id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AckKey {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its user, if it has one.
    pub user: Option<UserId>,
    /// Its own id, if it has one.
    pub session: Option<SessionId>,
}

/// What is remembered of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckRow {
    /// The history of the tenant's log that the offsets are of.
    pub epoch: Epoch,
    /// What came at or before this place was never owed.
    pub since: Offset,
    /// What came at or before this place is owed no more.
    pub floor: Offset,
    /// What was acknowledged after `since`, oldest first; perhaps not all of it.
    pub acknowledged: Vec<Offset>,
    /// When the session was last there.
    pub seen: TimeMs,
}

/// One change: a row, or that there is none any more.
#[derive(Serialize, Deserialize)]
struct Change {
    key: AckKey,
    row: Option<StoredRow>,
}

#[derive(Serialize, Deserialize)]
struct StoredRow {
    epoch: Epoch,
    since: u64,
    floor: u64,
    /// Each as its distance from the one before, so that most take one byte or two.
    acknowledged: Vec<u64>,
    seen: TimeMs,
}

/// The length and the checksum before each change.
const PREFIX: usize = 8;

impl StoredRow {
    fn of(row: &AckRow) -> Self {
        let mut before = 0;
        let distances = row.acknowledged.iter().map(|offset| {
            let distance = offset.get().saturating_sub(before);
            before = offset.get();
            distance
        });
        let acknowledged = distances.collect();
        let (since, floor) = (row.since.get(), row.floor.get());
        Self { epoch: row.epoch, since, floor, acknowledged, seen: row.seen }
    }

    fn row(self) -> Option<AckRow> {
        let mut last = 0_u64;
        let offsets = self.acknowledged.into_iter().map(|distance| {
            last = last.checked_add(distance)?;
            Offset::new(last)
        });
        Some(AckRow {
            epoch: self.epoch,
            since: Offset::new(self.since)?,
            floor: Offset::new(self.floor)?,
            acknowledged: offsets.collect::<Option<_>>()?,
            seen: self.seen,
        })
    }
}

/// A change as it stands in the file.
pub(super) fn encode(key: &AckKey, row: Option<&AckRow>) -> Vec<u8> {
    let change = Change { key: key.clone(), row: row.map(StoredRow::of) };
    let payload = postcard::to_allocvec(&change).expect("a row holds numbers and texts only");
    let length = u32::try_from(payload.len()).expect("a row is far below 4 GiB");
    let mut bytes = Vec::with_capacity(PREFIX + payload.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// The change at the beginning of these bytes and how long it is; `None` if there is no whole one.
pub(super) fn decode(bytes: &[u8]) -> Option<(AckKey, Option<AckRow>, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    if crc32fast::hash(payload) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let change: Change = postcard::from_bytes(payload).ok()?;
    let row = match change.row {
        Some(row) => Some(row.row()?),
        None => None,
    };
    Some((change.key, row, PREFIX + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_and_a_torn_one_is_none() {
        let key = AckKey {
            tenant: TenantId::new("acme").unwrap(),
            user: Some(UserId::new("u\"1").unwrap()),
            session: None,
        };
        let offset = |value| Offset::new(value).unwrap();
        let row = AckRow {
            epoch: Epoch::new(7),
            since: offset(3),
            floor: offset(5),
            acknowledged: vec![offset(6), offset(9), offset(1 << 40)],
            seen: TimeMs(99),
        };
        for row in [Some(row), None] {
            let bytes = encode(&key, row.as_ref());
            assert_eq!(decode(&bytes), Some((key.clone(), row, bytes.len())));
            for length in 0..bytes.len() {
                assert_eq!(decode(&bytes[..length]), None);
            }
            for place in 0..bytes.len() {
                let mut broken = bytes.clone();
                broken[place] ^= 1;
                assert_eq!(decode(&broken), None, "at {place}");
            }
        }
    }
}
