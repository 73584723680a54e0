//! Small numbers of people stay hidden (docs/reports.md, "Small groups"): no report shows, or lets be told, a count that stands for fewer
//! people than a limit, as the CMS cell suppression policy asks for.
//!
//! - **count** – what stands for people: measures, and what is left when one is taken from another;
//! - **possible** – what always holds of the numbers of a group;
//! - **change** – how they could have been others;
//! - **cover** – what is hidden, so that they could.

mod change;
mod count;
mod cover;
mod possible;
mod set;
#[cfg(test)]
mod tests;

#[allow(unused_imports)]
pub(crate) use self::{
    count::Count,
    cover::{Cells, Group, Hidden, Table, cover},
    set::MeasureSet,
};
