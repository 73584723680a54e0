//! What exists in Postlens: the vocabulary of events, deliveries, measures, rates and dimensions, the tables that hold
//! them in ClickHouse, and the client that reaches them.
//!
//! This crate owns names and shapes. How events become rows is `ingest`'s business, how rows become reports is `query`'s.

mod account;
mod address;
mod basis;
mod clickhouse;
mod clock;
mod coarse;
mod dimension;
mod event;
mod feedback;
mod grain;
mod identity;
mod latency;
mod measure;
pub mod metrics;
mod migrate;
mod other;
mod provider;
mod rate;
mod rollup;
mod status;
mod tables;
mod time;

pub use account::{AccountId, InvalidAccount};
pub use address::{AddressError, MAX_ADDRESS, domain_of, message_id, recipient, sender};
pub use basis::Basis;
pub use clickhouse::{ClickHouse, Endpoint};
pub use clock::{Clock, ManualClock, SystemClock};
pub use dimension::{Dimension, FieldName, InvalidDimension, InvalidFieldName};
pub use event::{Event, EventKind, FailureClass, SecureMethod};
pub use feedback::{REPORTING, SILENT, reports_complaints};
pub use grain::Grain;
pub use identity::{DeliveryKey, EventId, Identifier, RecipientHash, Secret, ValueHash};
pub use latency::{AGES, LATENCY_COUNTS, LATENCY_STEPS, Latency, METHODS, Step};
pub use measure::{Measure, Measures};
pub use migrate::{MigrationError, migrate};
pub use other::{OTHER, OTHER_SQL, is_other, other_sender};
pub use provider::{MailboxProvider, provider_sql};
pub use rate::Rate;
pub use status::{
    ENHANCED_STATUS_PATTERN, EnhancedStatus, REPLY_CODE_PATTERN, enhanced_status, is_refusal, reply_code,
};
pub use tables::{COARSE, CUBE, DELIVERIES, EVENTS, MARKER_BASIS, ROLLUP, WEIGHT, summed};
pub use time::{Bucket, Millis, Month};
