//! Results.

use std::{ffi::c_void, marker::PhantomData, ptr::NonNull, slice};

use super::{Connection, Library, NO_ANSWER, ResultHandle, text};

/// What a statement read and wrote.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    /// Rows and bytes of the result.
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    /// Rows and bytes read from storage.
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    /// Rows and bytes inserted, views included.
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
}

impl Stats {
    /// Adds the figures of one more part of the same result.
    pub(crate) fn add(&mut self, more: Self) {
        self.result_rows += more.result_rows;
        self.result_bytes += more.result_bytes;
        self.read_rows += more.read_rows;
        self.read_bytes += more.read_bytes;
        self.written_rows += more.written_rows;
        self.written_bytes += more.written_bytes;
    }
}

/// A result, or one block of a streamed one.
pub(crate) struct Answer<'c> {
    pub(super) library: &'static Library,
    pub(super) handle: NonNull<c_void>,
    connection: PhantomData<&'c mut Connection>,
}

impl Answer<'_> {
    pub(super) fn new(library: &'static Library, handle: ResultHandle) -> Result<Self, String> {
        let handle = NonNull::new(handle).ok_or(NO_ANSWER)?;
        let answer = Self { library, handle, connection: PhantomData };
        // SAFETY: the handle is a live result.
        let error = unsafe { text((library.functions.chdb_result_error)(handle.as_ptr())) };
        error.map_or(Ok(answer), Err)
    }

    /// The formatted bytes.
    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: the handle is a live result; its buffer holds `length` bytes and does not move until it is destroyed.
        unsafe {
            let length = (self.library.functions.chdb_result_length)(self.handle.as_ptr());
            let buffer: *const u8 = (self.library.functions.chdb_result_buffer)(self.handle.as_ptr()).cast();
            if length == 0 || buffer.is_null() { &[] } else { slice::from_raw_parts(buffer, length) }
        }
    }

    /// What the statement (or this block of it) read and wrote.
    pub(crate) fn stats(&self) -> Stats {
        let functions = &self.library.functions;
        let handle = self.handle.as_ptr();
        // SAFETY: the handle is a live result.
        unsafe {
            Stats {
                result_rows: (functions.chdb_result_rows_read)(handle),
                result_bytes: (functions.chdb_result_bytes_read)(handle),
                read_rows: (functions.chdb_result_storage_rows_read)(handle),
                read_bytes: (functions.chdb_result_storage_bytes_read)(handle),
                written_rows: (functions.chdb_result_rows_written)(handle),
                written_bytes: (functions.chdb_result_bytes_written)(handle),
            }
        }
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: a live result, destroyed only here.
        unsafe { (self.library.functions.chdb_destroy_query_result)(self.handle.as_ptr()) }
    }
}
