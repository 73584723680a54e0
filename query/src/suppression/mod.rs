//! Small numbers of people stay hidden (docs/reports.md, "Small groups"): no report shows, or lets be told, a count that stands for fewer
//! people than a limit, as the CMS cell suppression policy asks for.
//!
//! - **count** – what stands for people: measures, and what is left when one is taken from another;
//! - **possible** – what always holds of the numbers of a group;
//! - **change** – how they could have been others;
//! - **cover** – what is hidden, so that they could;
//! - **apply** – a report as the table that is covered, and what is hidden taken out of it.

mod apply;
mod change;
mod count;
mod cover;
mod possible;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    apply::{People, PeopleOfGroups},
    count::Count,
    set::MeasureSet,
};
