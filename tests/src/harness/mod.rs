//! The real service under test: the built binary with the real engine on a port and a directory of its own, and a client for it.

mod answer;
mod binary;
mod client;
mod disk;
mod engine;
mod postgres;
mod process;
mod proxy;
mod receiver;
mod service;

pub use answer::{Change, Comparison, Group, Receipt, Remainder, Report, Row};
pub use binary::{binary, repository};
pub use client::{Body, Client, Encoding, Reply, http};
pub use disk::{SmallDisk, limit_file_size};
pub use engine::Engine;
pub use postgres::Postgres;
pub use process::{Process, children_of, is_alive, signal, until};
pub use proxy::{Fault, Proxy};
pub use receiver::{Receiver, Taken};
pub use service::{SECRET, Service};
