//! The rows of the rollup, cell by cell from its definition (ARCHITECTURE.md, "How a report is read"): not read from the cube, so that
//! an error on either side shows.

use schema::{Measure, Measures, ROLLUP, WEIGHT};

use super::{Cell, DAY, quoted};

/// A row: by which dimension, when, which value, and the cell's measures or the same negated.
struct Row {
    dimension: String,
    bucket: u32,
    value: String,
    sign: i64,
}

fn rows(cell: &Cell) -> Vec<Row> {
    let day = cell.bucket / DAY * DAY;
    let row = |dimension: &str, bucket, value: &str, sign| Row {
        dimension: dimension.to_owned(),
        bucket,
        value: value.to_owned(),
        sign,
    };
    let mut rows = vec![
        row("", cell.bucket, "", 1),
        row("subject", day, &cell.subject, 1),
        row("sender", day, if schema::is_other(&cell.sender) { schema::OTHER } else { &cell.sender }, 1),
        row("sender_domain", day, cell.sender_domain(), 1),
        row("recipient_domain", day, &cell.domain, 1),
        row("mailbox_provider", day, cell.provider(), 1),
        row("campaign", day, &cell.campaign, 1),
    ];
    for (name, value) in &cell.fields {
        rows.push(row(&format!("field:{name}"), day, value, 1));
        rows.push(row(&format!("field:{name}"), day, "", -1));
    }
    rows
}

fn values(cell: &Cell, row: &Row) -> String {
    let signed = |measures: &Measures, measure: Measure| (row.sign * measures[measure]).to_string();
    let mut values = vec![quoted(cell.account.as_str()), cell.basis.code().to_string()];
    values.extend([quoted(&row.dimension), row.bucket.to_string(), quoted(&row.value)]);
    values.extend(Measure::ALL.iter().map(|measure| signed(&cell.measures, *measure)));
    values.push((row.sign * cell.measures.weight()).to_string());
    format!("({})", values.join(", "))
}

/// The statement that writes what the cells add to the rollup.
pub(super) fn statement(cells: &[Cell]) -> String {
    let measures: Vec<_> = Measure::ALL.iter().map(|measure| measure.name()).collect();
    let rows: Vec<_> = cells.iter().flat_map(|cell| rows(cell).into_iter().map(|row| values(cell, &row))).collect();
    format!(
        "INSERT INTO {ROLLUP} (account, basis, dimension, bucket, value, {}, {WEIGHT}) VALUES {}",
        measures.join(", "),
        rows.join(", ")
    )
}
