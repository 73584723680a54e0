//! Whether dimensions went beyond their limits: asked where a filter may hide what the report does not show.

use schema::{AccountId, Dimension, OTHER_SQL, ROLLUP, WEIGHT};

use super::{
    Sql,
    bind::{Binder, Param},
};
use crate::{ReportSpec, zone::DAY};

/// Which of the dimensions have values beyond their limit on a UTC day that the range touches: one row each.
pub(crate) fn others(account: &AccountId, spec: &ReportSpec, dimensions: &[Dimension]) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let basis = binder.number("basis", "UInt8", spec.basis.code());
    let names = dimensions.iter().map(ToString::to_string).collect();
    let names = binder.bind("dimensions", "Array(String)", Param::Texts(names));
    let from = i64::from(spec.range.from);
    let from = binder.number("from", "UInt32", from - from % DAY);
    let to = binder.number("to", "UInt32", spec.range.to);
    binder.done(format!(
        "SELECT dimension\nFROM {ROLLUP}\nWHERE account = {account}\n  AND basis = {basis}\n  AND dimension IN {names}\n  \
         AND bucket >= toDateTime({from}, 'UTC')\n  AND bucket < toDateTime({to}, 'UTC')\n  AND value = {OTHER_SQL}\n\
         GROUP BY dimension\nHAVING sum({WEIGHT}) > 0"
    ))
}
