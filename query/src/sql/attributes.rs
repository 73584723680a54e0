//! The value of a dimension outside of the cube: of a row of `deliveries`, or of all late events of a delivery. The same as in the
//! cube, with those beyond a limit under the value that stands for them, so that what is filtered is what a split filters.

use schema::{Dimension, MailboxProvider, OTHER_SQL};

use super::{
    bind::Binder,
    source::{combined, condition, value_of},
};
use crate::Tree;

/// Where the attributes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// In a row of `deliveries`.
    Delivery,
    /// In the late events of a delivery, which are a group. Nobody knows which of their values are beyond a limit.
    LateEvents,
}

/// The filters as conditions; the names of fields and what they are compared with are bound.
pub(super) fn conditions(binder: &mut Binder, of: Of, filters: &[Tree]) -> Vec<String> {
    let tests: Vec<_> = filters.iter().flat_map(Tree::tests).enumerate().collect();
    let tests: Vec<_> = tests
        .into_iter()
        .map(|(place, filter)| {
            let value = value(binder, of, &filter.dimension, place);
            condition(&value, filter, &value_of(binder, place, filter))
        })
        .collect();
    let mut tests = tests.into_iter();
    filters.iter().map(|tree| combined(tree, &mut tests)).collect()
}

/// The value of a dimension; the name of a field is bound as that of the filter at this place.
pub(super) fn value(binder: &mut Binder, of: Of, dimension: &Dimension, place: usize) -> String {
    match dimension {
        Dimension::Subject => limited(of, "subject", "1"),
        Dimension::Sender => limited(of, "sender", "2"),
        Dimension::Campaign => limited(of, "campaign", "4"),
        Dimension::SenderDomain => domain_of(&text(of, "sender")),
        Dimension::RecipientDomain => recipient_domain(of),
        Dimension::MailboxProvider => MailboxProvider::sql_of_domain(&recipient_domain(of)),
        Dimension::Field(name) => {
            let name = binder.text(format!("filter_field{place}"), name.as_str());
            // Fields are marked by their places, which begin with 1 here. A field that the delivery does not have has no mark.
            let mark =
                format!("bitShiftLeft(toUInt128(mapContains(fields, {name})), 2 + indexOf(mapKeys(fields), {name}))");
            limited(of, &format!("fields[{name}]"), &mark)
        }
    }
}

/// A text as the delivery has it: of late events the earliest one that carries it, those of `queued` before all others.
fn text(of: Of, column: &str) -> String {
    match of {
        Of::Delivery => format!("toString({column})"),
        Of::LateEvents => {
            format!("argMinIf(toString({column}), (kind != 'queued', time, event_id), {column} != '')")
        }
    }
}

/// A text, unless its mark says that it is beyond a limit.
fn limited(of: Of, column: &str, mark: &str) -> String {
    let text = text(of, column);
    match of {
        Of::Delivery => format!("if(others != 0 AND bitAnd(others, {mark}) != 0, {OTHER_SQL}, {text})"),
        Of::LateEvents => text,
    }
}

fn recipient_domain(of: Of) -> String {
    match of {
        Of::Delivery => "toString(recipient_domain)".to_owned(),
        Of::LateEvents => domain_of("any(recipient)"),
    }
}

/// `schema::domain_of` in the database.
fn domain_of(address: &str) -> String {
    format!("if(position({address}, '@') = 0, '', replaceRegexpOne(splitByChar('@', {address})[-1], '>+$', ''))")
}
