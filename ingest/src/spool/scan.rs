//! Finds the records in a segment's bytes, and behind damaged ones the next that is whole.

use std::ops::Range;

use super::SpoolError;
use crate::record;

/// Bytes of a frame's length, which comes first.
const LENGTH: usize = 4;

/// Calls `take` with the place and the payload of each whole record, and returns the stretches that are none.
pub(super) fn scan<'b>(
    bytes: &'b [u8],
    mut take: impl FnMut(usize, &'b [u8]) -> Result<(), SpoolError>,
) -> Result<Vec<Range<usize>>, SpoolError> {
    let mut damaged = Vec::new();
    let mut place = 0;
    while place < bytes.len() {
        if let Some(payload) = record::payload(&bytes[place..]) {
            take(place, payload)?;
            place += record::FRAME + payload.len();
        } else {
            let next = next_record(bytes, place);
            damaged.push(place..next);
            place = next;
        }
    }
    Ok(damaged)
}

/// Whether these bytes at the end of the last segment are what a crash leaves: the beginning of a record that is longer, or space that
/// nothing was written to.
pub(super) fn is_torn(tail: &[u8]) -> bool {
    match (tail.len() < LENGTH, claimed_end(tail)) {
        (true, _) => true,
        (false, Some(end)) => end > tail.len(),
        (false, None) => tail.iter().all(|byte| *byte == 0),
    }
}

/// Where the next whole record begins after a damaged one; the end of the bytes when there is none.
fn next_record(bytes: &[u8], damaged: usize) -> usize {
    // Most damage spares the length.
    let claimed = claimed_end(&bytes[damaged..]).map(|end| damaged + end);
    let behind = claimed.filter(|place| *place == bytes.len() || bytes.get(*place..).is_some_and(begins_with_record));
    let found = || (damaged + 1..bytes.len()).find(|place| begins_with_record(&bytes[*place..]));
    behind.or_else(found).unwrap_or(bytes.len())
}

/// Looks at the head first, which is cheaper than a checksum over what may be no record.
fn begins_with_record(bytes: &[u8]) -> bool {
    let payload = claimed_end(bytes).and_then(|end| bytes.get(record::FRAME..end));
    payload.is_some_and(|payload| record::open(payload).is_ok()) && record::payload(bytes).is_some()
}

/// Where the frame at the start ends by its own account.
fn claimed_end(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk::<LENGTH>()?) as usize;
    (1..=record::MAX_PAYLOAD).contains(&length).then_some(record::FRAME + length)
}
