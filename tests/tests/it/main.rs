//! The service from end to end: the real binary, the real engine, real HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
