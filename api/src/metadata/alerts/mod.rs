//! Alerts in the store: rules, the states of alerts, what became of them, whom to tell, and who evaluates.
//!
//! The evaluator alone moves states, and does so with what it tells in one transaction (**decisions**), under its **lease**. What
//! people do to an alert – acknowledge, mute – stands in columns of its own, so that neither writes over the other.

mod channels;
mod decisions;
mod lease;
mod maintenance;
mod observations;
mod outbox;
mod rules;
mod states;

pub(crate) use channels::ChannelRow;
pub(super) use decisions::post;
pub(crate) use decisions::{Decision, HistoryRow, Letter};
pub(crate) use lease::Term;
pub(crate) use maintenance::MaintenanceRow;
pub(crate) use observations::ObservationRow;
pub(crate) use outbox::{Delivery, DeliveryState, Topic};
pub(crate) use rules::RuleRow;
pub(crate) use states::{Care, StateRow};
