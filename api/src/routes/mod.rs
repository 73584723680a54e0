//! The operations of the HTTP API, one module per subject.

pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod specification;
