//! Memory for blocks, used again and again: memory that is new to a process costs the time to clear it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Buffers that are kept: a batch being inserted and one being computed, of a few blocks each.
const KEPT: usize = 12;
/// Sizes are rounded up to multiples of this, so that a buffer fits the next batch's block, too.
const STEP: usize = 1 << 20;
/// Memory that all of them may take together.
const KEPT_BYTES: usize = 192 << 20;

/// Buffers that are free.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer with room for so many bytes.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = free.partition_point(|buffer| buffer.capacity() < bytes);
        if place < free.len() {
            return free.remove(place);
        }
        // None is large enough: the smallest makes room for one that will be.
        if free.len() == KEPT {
            free.remove(0);
        }
        drop(free);
        Vec::with_capacity(bytes.next_multiple_of(STEP))
    }

    /// Takes a buffer back, if nobody else holds it.
    pub(crate) fn give(&self, bytes: Bytes) {
        let Ok(bytes) = bytes.try_into_mut() else { return };
        self.give_vec(bytes.into());
    }

    /// Takes a buffer back.
    pub(crate) fn give_vec(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = free.iter().map(Vec::capacity).sum();
        if free.len() < KEPT && held + buffer.capacity() <= KEPT_BYTES {
            let place = free.partition_point(|other| other.capacity() < buffer.capacity());
            free.insert(place, buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_with_its_memory() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(1000);
        buffer.extend([7; 900]);
        let address = buffer.as_ptr();
        buffers.give(buffer.into());
        let buffer = buffers.take(500);
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert_eq!(buffer.as_ptr(), address);
    }
}
