//! Memory for bodies and blocks, used again and again: memory that is new to a process costs the time to clear it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::lock::lock;

/// Sizes are rounded up to multiples of this, so that a buffer fits the next body or block of its kind, too.
const STEP: usize = 1 << 20;

/// Buffers that are free. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buffers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    kept: usize,
    kept_bytes: usize,
    /// From the smallest to the largest.
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Keeps at most so many buffers, and at most so many bytes in all of them together.
    #[must_use]
    pub fn new(kept: usize, kept_bytes: usize) -> Self {
        Self(Arc::new(Pool { kept, kept_bytes, free: Mutex::default() }))
    }

    /// Keeps none.
    pub(crate) fn none() -> Self {
        Self::new(0, 0)
    }

    /// An empty buffer with room for so many bytes, if one is free.
    #[must_use]
    pub fn find(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut free = lock(&self.0.free);
        let place = free.partition_point(|buffer| buffer.capacity() < bytes);
        (place < free.len()).then(|| free.remove(place))
    }

    /// The size of a buffer for so many bytes.
    #[must_use]
    pub fn size(bytes: usize) -> usize {
        bytes.next_multiple_of(STEP)
    }

    /// An empty buffer with room for so many bytes.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        self.find(bytes).unwrap_or_else(|| Vec::with_capacity(Self::size(bytes)))
    }

    /// The buffer's bytes; it comes back when nobody holds them any more.
    #[must_use]
    pub fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { buffer, pool: self.clone() })
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut free = lock(&self.0.free);
        let place = free.partition_point(|other| other.capacity() < buffer.capacity());
        free.insert(place, buffer);
        // Should they be too large, the largest goes. Should there be too many, the smallest goes: it is of use to the fewest.
        if free.iter().map(Vec::capacity).sum::<usize>() > self.0.kept_bytes {
            free.pop();
        } else if free.len() > self.0.kept {
            free.remove(0);
        }
    }
}

/// A buffer in use.
struct Lent {
    buffer: Vec<u8>,
    pool: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(buffers: &Buffers, bytes: usize) -> *const u8 {
        let mut buffer = buffers.take(bytes);
        buffer.extend(std::iter::repeat_n(7, bytes));
        let address = buffer.as_ptr();
        drop(buffers.lend(buffer));
        address
    }

    #[test]
    fn a_buffer_comes_back_empty_with_its_memory_once_nobody_holds_its_bytes() {
        let buffers = Buffers::new(2, 4 << 20);
        let address = used(&buffers, 1000);
        let mut buffer = buffers.take(500);
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert_eq!(buffer.as_ptr(), address);
        buffer.push(7);
        let lent = buffers.lend(buffer);
        let part = lent.slice(..);
        drop(lent);
        assert_eq!(buffers.find(1), None, "a part of it is held");
        drop(part);
        assert!(buffers.find(1).is_some());
    }

    #[test]
    fn no_more_is_kept_than_was_said() {
        let buffers = Buffers::new(2, 5 << 20);
        let kept_of = |sizes: &[usize]| -> Vec<usize> {
            let held: Vec<_> = sizes.iter().map(|size| buffers.take(size << 20)).collect();
            for buffer in held {
                buffers.give(buffer);
            }
            std::iter::from_fn(|| buffers.find(1)).map(|buffer| buffer.capacity() >> 20).collect()
        };
        assert_eq!(kept_of(&[1, 1, 2]), [1, 2], "the smallest is of use to the fewest");
        assert_eq!(kept_of(&[1, 2, 6]), [1, 2], "one that is too large drives out no others");
    }
}
