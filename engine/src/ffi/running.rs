//! Statements that run while data goes in or comes out.

use std::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use super::{Connection, ConnectionHandle, InsertHandle, Library, NO_ANSWER, Stats, answer::Answer, text};

/// A running SELECT. Dropped before its end, it is cancelled.
pub(crate) struct Stream<'c> {
    connection: ConnectionHandle,
    answer: Answer<'c>,
    ended: bool,
}

impl<'c> Stream<'c> {
    pub(super) fn new(connection: ConnectionHandle, answer: Answer<'c>) -> Self {
        Self { connection, answer, ended: false }
    }

    /// The next block; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Answer<'_>>, String> {
        // An empty block may stand in the middle of a result; two in a row mean the end, after which fetching is harmless.
        for _ in 0..2 {
            // SAFETY: connection and stream are live (`'c`), and no other call is on its way (`&mut self`).
            let handle = unsafe {
                (self.answer.library.functions.chdb_stream_fetch_result)(self.connection, self.answer.handle.as_ptr())
            };
            let block = Answer::new(self.answer.library, handle).inspect_err(|_| self.ended = true)?;
            if !block.data().is_empty() {
                return Ok(Some(block));
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: connection and stream are live; the stream is destroyed right after, with its `answer`.
            unsafe {
                (self.answer.library.functions.chdb_stream_cancel_query)(self.connection, self.answer.handle.as_ptr());
            }
        }
    }
}

/// A running INSERT. Dropped before `finish`, it is cancelled and what it has not yet written is forgotten.
pub(crate) struct Insert<'c> {
    library: &'static Library,
    handle: NonNull<c_void>,
    ended: bool,
    connection: PhantomData<&'c mut Connection>,
}

impl Insert<'_> {
    pub(super) fn new(library: &'static Library, handle: InsertHandle) -> Result<Self, String> {
        let handle = NonNull::new(handle).ok_or(NO_ANSWER)?;
        let insert = Self { library, handle, ended: false, connection: PhantomData };
        insert.error().map_or(Ok(insert), Err)
    }

    fn error(&self) -> Option<String> {
        // SAFETY: the handle is a live insert.
        unsafe { text((self.library.functions.chdb_stream_insert_error)(self.handle.as_ptr())) }
    }

    /// Appends data of the insert's format; a piece may end anywhere.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), String> {
        // SAFETY: the handle is a live insert; the library copies `data` before it returns.
        let state = unsafe {
            (self.library.functions.chdb_stream_append)(self.handle.as_ptr(), data.as_ptr().cast(), data.len())
        };
        if state == 0 {
            return Ok(());
        }
        // The reason is often known only to `done`, which after a failure commits nothing.
        Err(self.error().or_else(|| self.done().err()).unwrap_or_else(|| NO_ANSWER.to_owned()))
    }

    /// Ends the data and commits.
    pub(crate) fn finish(mut self) -> Result<Stats, String> {
        self.done()
    }

    fn done(&mut self) -> Result<Stats, String> {
        self.ended = true;
        // SAFETY: the handle is a live insert that has not been finished.
        let handle = unsafe { (self.library.functions.chdb_stream_done)(self.handle.as_ptr()) };
        Answer::new(self.library, handle).map(|answer| answer.stats())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: a live insert, destroyed only here; an unfinished one is cancelled first.
        unsafe {
            if !self.ended {
                (self.library.functions.chdb_stream_cancel_insert)(self.handle.as_ptr());
            }
            (self.library.functions.chdb_destroy_insert_stream)(self.handle.as_ptr());
        }
    }
}
