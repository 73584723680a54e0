//! Asks ClickHouse, and puts the answer together.

use std::collections::HashMap;

use schema::{AccountId, ClickHouse, Millis, SecureMethod, Step};

use super::{Breakdown, BreakdownKind, BreakdownSpec, Row};
use crate::{
    Limits, QueryError,
    answer::Cells,
    report::{Body, Report},
    run::{self, ask, hidden},
    sql::{self, Sql, Steps},
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
        BreakdownKind::Security { methods, .. } => store.security(spec, *methods, as_of).await,
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
    async fn security(&self, spec: &BreakdownSpec, methods: bool, as_of: Millis) -> Result<Breakdown, QueryError> {
        let report = run::run(self.clickhouse, self.account, &spec.frame, as_of, self.limits).await?;
        let mut breakdown = of_split(spec, &report);
        if methods {
            self.add_methods(&mut breakdown).await?;
        }
        Ok(breakdown)
    }

    /// They stand among the steps of the same rows that latencies are read from.
    async fn add_methods(&self, breakdown: &mut Breakdown) -> Result<(), QueryError> {
        let keys: Vec<_> = breakdown.rows.iter().map(|row| [row.key.clone()]).collect();
        let top: Vec<_> = keys.iter().map(<[String; 1]>::as_slice).collect();
        let sql = sql::latencies(self.account, &breakdown.spec.frame, Steps::Methods, &top);
        let answer = ask(self.clickhouse, self.limits, &sql).await?;
        let mut of_rows = HashMap::new();
        let (mut of_others, mut of_all) = (Methods::default(), Methods::default());
        for cells in answer.rows() {
            let methods = methods(cells.list(2)?, cells.list(3)?);
            of_all.iter_mut().zip(methods).for_each(|(sum, count)| *sum += count);
            if cells.number(0)? != 0 {
                of_rows.insert(cells.texts(1, 1)?.concat(), methods);
            } else {
                of_others = methods;
            }
        }
        for row in &mut breakdown.rows {
            row.measures.extend(of_rows.remove(&row.key).unwrap_or_default());
        }
        if let Some((_, row)) = &mut breakdown.remainder {
            row.measures.extend(of_others);
        }
        breakdown.total.measures.extend(of_all);
        Ok(())
    }
}

/// A number for each method.
type Methods = [i64; SecureMethod::ALL.len()];

/// Those among steps and how many deliveries have each.
fn methods(steps: &[i64], counts: &[i64]) -> Methods {
    let count = |method| {
        let number = i64::from(Step::of_method(method).0);
        steps.iter().position(|step| *step == number).and_then(|place| counts.get(place)).copied().unwrap_or_default()
    };
    std::array::from_fn(|place| count(SecureMethod::ALL[place]))
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
