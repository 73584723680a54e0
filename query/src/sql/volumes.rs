//! Which dimensions there are, and how many messages have a value of each.

use schema::{AccountId, ROLLUP, WEIGHT};

use super::{Sql, bind::Binder};
use crate::ReportSpec;

/// The dimensions that deliveries of the range have values of, most messages first, each with their number. The range is of whole UTC
/// days, as the rollup's rows are. At most `most` are custom fields.
pub(crate) fn volumes(account: &AccountId, spec: &ReportSpec, most: u32) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let basis = binder.number("basis", "UInt8", spec.basis.code());
    let from = binder.number("from", "UInt32", spec.range.from);
    let to = binder.number("to", "UInt32", spec.range.to);
    let most = binder.number("most", "UInt32", most);
    binder.done(format!(
        "SELECT toString(dimension) AS name, sum(queued) AS sum_queued\nFROM {ROLLUP}\nWHERE account = {account}\n  AND basis = {basis}\n  \
         AND dimension != ''\n  AND bucket >= toDateTime({from}, 'UTC')\n  AND bucket < toDateTime({to}, 'UTC')\n  AND value != ''\n\
         GROUP BY name\nHAVING sum({WEIGHT}) > 0\nORDER BY startsWith(name, 'field:') ASC, sum_queued DESC, name ASC\nLIMIT {most}"
    ))
}
