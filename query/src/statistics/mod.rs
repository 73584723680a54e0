//! What numbers allow to be said: pure functions of counts.
//!
//! - **interval** – how sure a rate is, and the difference of two;
//! - **comparison** – how probable it is that two rates differ by chance alone;
//! - **discovery** – what may be believed of many such comparisons at once.
//!
//! Alerts and reports both rest on these.

mod comparison;
mod discovery;
mod interval;

pub(crate) use comparison::{Proportion, by_chance};
pub(crate) use discovery::adjusted;
pub use interval::Confidence;
pub(crate) use interval::{newcombe, wilson};
