//! From bytes to raw events, one module per format. Pure; what an event must look like beyond its JSON types is `accept`'s business.

mod json;
mod mbox;
mod provider;
mod usual;
mod wire;

pub use json::BodyFormat;
pub(crate) use json::{BodyError, each_event, each_line};
pub(crate) use mbox::each_message;
pub(crate) use provider::Item;
pub use provider::{CampaignFrom, Mapping, Packing, Provider};
pub(crate) use wire::{Mismatch, Wire};
