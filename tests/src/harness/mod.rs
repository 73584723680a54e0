//! The real service under test: the built binary with the real engine on a port and a directory of its own, and a client for it.

mod answer;
mod binary;
mod client;
mod process;
mod service;

pub use answer::{Group, Receipt, Remainder, Report, Row};
pub use binary::{binary, repository};
pub use client::{Body, Client, Encoding, Reply};
pub use process::{Process, children_of, is_alive, until};
pub use service::{SECRET, Service};
