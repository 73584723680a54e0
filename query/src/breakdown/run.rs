//! Asks ClickHouse, and puts the answer together.

use schema::{AccountId, ClickHouse, Dimension, Millis, SecureMethod};

use super::{Breakdown, BreakdownKind, BreakdownSpec, Row};
use crate::{
    Limits, QueryError,
    answer::Cells,
    report::{Body, Report},
    run::{self, ask, hidden},
    sql::{self, Sql},
};

/// Makes a report of an account. `as_of` is the time that it says it was made.
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn breakdown(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &BreakdownSpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<Breakdown, QueryError> {
    let store = Store { clickhouse, account, limits };
    match &spec.kind {
        BreakdownKind::Failures { by } => store.grouped(spec, as_of, &sql::failures(account, spec, *by)).await,
        BreakdownKind::Links { strip_query } => {
            store.grouped(spec, as_of, &sql::links(account, spec, *strip_query)).await
        }
        BreakdownKind::Security { by, methods } => store.security(spec, by, *methods, as_of).await,
    }
}

struct Store<'a> {
    clickhouse: &'a ClickHouse,
    account: &'a AccountId,
    limits: &'a Limits,
}

impl Store<'_> {
    /// Rows, rest and total, as a statement of `sql::breakdown` answers them.
    async fn grouped(&self, spec: &BreakdownSpec, as_of: Millis, sql: &Sql) -> Result<Breakdown, QueryError> {
        let (answer, others) = tokio::try_join!(
            ask(self.clickhouse, self.limits, sql),
            hidden(self.clickhouse, self.account, &spec.frame, self.limits)
        )?;
        let mut breakdown =
            Breakdown { spec: spec.clone(), as_of, rows: Vec::new(), remainder: None, total: empty(spec), others };
        for cells in answer.rows() {
            let (place, groups) = (cells.number(0)?, cells.number(2)?.unsigned_abs());
            let row = row(spec, cells)?;
            match place {
                0 if groups > 0 => breakdown.total = Row { key: String::new(), ..row },
                0 => {}
                place if place > i64::from(spec.limit) => {
                    breakdown.remainder = Some((groups, Row { key: String::new(), ..row }));
                }
                _ => breakdown.rows.push(row),
            }
        }
        Ok(breakdown)
    }

    /// The split by that dimension, with the methods beside it.
    async fn security(
        &self,
        spec: &BreakdownSpec,
        by: &Dimension,
        methods: bool,
        as_of: Millis,
    ) -> Result<Breakdown, QueryError> {
        let report = run::run(self.clickhouse, self.account, &spec.frame, as_of, self.limits).await?;
        let mut breakdown = of_split(spec, &report);
        if methods {
            self.add_methods(&mut breakdown, by).await?;
        }
        Ok(breakdown)
    }

    async fn add_methods(&self, breakdown: &mut Breakdown, by: &Dimension) -> Result<(), QueryError> {
        let keys: Vec<_> = breakdown.rows.iter().map(|row| row.key.as_str()).collect();
        let sql = sql::methods(self.account, &breakdown.spec.frame, by, &keys);
        let answer = ask(self.clickhouse, self.limits, &sql).await?;
        let none = vec![0; SecureMethod::ALL.len()];
        let mut counts = vec![none.clone(); keys.len() + 1];
        let mut total = none;
        for cells in answer.rows() {
            let numbers: Vec<_> = cells.numbers(1, SecureMethod::ALL.len())?.collect();
            total.iter_mut().zip(&numbers).for_each(|(sum, number)| *sum += number);
            let place = usize::try_from(cells.number(0)?).ok().filter(|place| *place < counts.len());
            counts[place.unwrap_or_default()] = numbers;
        }
        let Breakdown { rows, remainder, total: whole, .. } = breakdown;
        // The others come first, then the rows in their order.
        let others = remainder.iter_mut().map(|(_, row)| row);
        let known = counts.split_off(1);
        others.zip(counts).chain(rows.iter_mut().zip(known)).for_each(|(row, counts)| row.measures.extend(counts));
        whole.measures.extend(total);
        Ok(())
    }
}

fn empty(spec: &BreakdownSpec) -> Row {
    Row { key: String::new(), measures: vec![0; spec.measures().count()], seen: None }
}

/// A row: its place, its key, how many groups it is, and the columns.
fn row(spec: &BreakdownSpec, cells: Cells<'_>) -> Result<Row, QueryError> {
    let measures = spec.measures().count();
    let times =
        if spec.tells_times() { Some((cells.number(3 + measures)?, cells.number(4 + measures)?)) } else { None };
    Ok(Row { key: cells.texts(1, 1)?.concat(), measures: cells.numbers(3, measures)?.collect(), seen: times })
}

fn of_split(spec: &BreakdownSpec, report: &Report) -> Breakdown {
    let row = |key: &[String], measures: &schema::Measures| Row {
        key: key.concat(),
        measures: spec.frame.measures().iter().map(|measure| measures[*measure]).collect(),
        seen: None,
    };
    let (rows, remainder) = match report.body() {
        Body::Split { rows, remainder, .. } => (rows.as_slice(), remainder.as_ref()),
        Body::Summary | Body::Series { .. } => (&[][..], None),
    };
    Breakdown {
        spec: spec.clone(),
        as_of: report.as_of(),
        rows: rows.iter().map(|group| row(&group.key, &group.measures)).collect(),
        remainder: remainder.map(|cut| (cut.groups, row(&[], &cut.measures))),
        total: row(&[], report.total()),
        others: report.others.clone(),
    }
}
