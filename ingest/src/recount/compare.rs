//! Compares the real tables with those beside them, row by row, in ClickHouse: a slice of days at a time, so that memory is bounded.

use clickhouse::Row;
use schema::{COARSE, CUBE, DELIVERIES, Grain, LATENCY_COUNTS, LATENCY_STEPS, METHODS, ROLLUP, summed};
use serde::Deserialize;

use super::{Counted, Doing, Drift, Recount, Result, Scope, Verdict, statement::statement};

/// So many differences are named; the others are counted.
pub(super) const NAMED: usize = 100;
/// So many steps of latencies are named of a row, by what one side has and the other has not.
const STEPS: usize = 3;
/// Rows of a slice, unless one day has more.
const SLICE: u64 = 1_000_000;
/// What a cell of the cube is told apart by; two of them follow from others.
const CUBE_KEYS: [&str; 10] = [
    "account",
    "basis",
    "bucket",
    "campaign",
    "subject",
    "sender",
    "sender_domain",
    "mailbox_provider",
    "recipient_domain",
    "fields",
];
/// What a row of a coarser grain is told apart by.
const COARSE_KEYS: [&str; 11] = [
    "account",
    "basis",
    "bucket",
    "grain",
    "campaign",
    "subject",
    "sender",
    "sender_domain",
    "mailbox_provider",
    "recipient_domain",
    "fields",
];
/// What a row of the rollup is told apart by.
const ROLLUP_KEYS: [&str; 5] = ["account", "basis", "bucket", "dimension", "value"];
/// The columns of `deliveries` beside its key, the version and the tombstone.
pub(super) const DELIVERY_COLUMNS: [&str; 21] = [
    "message_id",
    "recipient",
    "recipient_hash",
    "recipient_domain",
    "sender",
    "subject",
    "campaign",
    "fields",
    "outcome",
    "class",
    "sent_at",
    "last_event_at",
    "delivered_at",
    "failed_at",
    "secured_at",
    "opened_at",
    "machine_opened_at",
    "clicked_at",
    "complained_at",
    "unsubscribed_at",
    "others",
];
/// Those that no message shows: they are, or tell, who got the message.
const HIDDEN: [&str; 3] = ["message_id", "recipient", "recipient_hash"];

/// Rows that are compared, and put right, by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deliveries,
    Cube,
    /// What `coarse` counts by the day or finer.
    Coarse,
    /// What it counts by the fourth of a month, which may begin before the scope and end after it.
    Fourths,
    Rollup,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Deliveries, Self::Cube, Self::Coarse, Self::Fourths, Self::Rollup];

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Deliveries => DELIVERIES,
            Self::Cube => CUBE,
            Self::Coarse | Self::Fourths => COARSE,
            Self::Rollup => ROLLUP,
        }
    }

    /// What rows of sums are told apart by; `None` of states.
    pub(super) const fn keys(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Deliveries => None,
            Self::Cube => Some(&CUBE_KEYS),
            Self::Coarse | Self::Fourths => Some(&COARSE_KEYS),
            Self::Rollup => Some(&ROLLUP_KEYS),
        }
    }

    /// The condition on its rows in the scope.
    pub(super) fn condition(self, scope: &Scope) -> String {
        let day = "toDate(bucket)";
        match self {
            Self::Deliveries => scope.condition("sent_day"),
            Self::Cube | Self::Rollup => scope.condition(day),
            Self::Coarse => format!("{} AND grain != '{}'", scope.condition(day), Grain::Fourth.name()),
            Self::Fourths => {
                let scope = scope.widened(Grain::Fourth);
                format!("{} AND grain = '{}'", scope.condition(day), Grain::Fourth.name())
            }
        }
    }

    /// The day of a row.
    const fn day(self) -> &'static str {
        match self {
            Self::Deliveries => "sent_day",
            _ => "toDate(bucket)",
        }
    }
}

/// What differs of one slice of a table.
#[derive(Row, Deserialize)]
struct Sum {
    rows: u64,
    days: Vec<u16>,
    accounts: Vec<String>,
}

/// How many rows a day has.
#[derive(Row, Deserialize)]
struct Day {
    number: u16,
    rows: u64,
}

/// A difference, as ClickHouse tells it.
#[derive(Row, Deserialize)]
struct Named {
    owner: String,
    clock: String,
    moment: String,
    dimensions: Vec<(String, String)>,
    what: String,
    should: String,
    does: String,
}

/// Days with their rows in a table and in the one beside it.
pub(super) struct Slice {
    pub(super) days: Scope,
    pub(super) rows: u64,
}

impl Recount<'_> {
    /// Compares everything in the scope.
    pub(super) async fn compare(&self, counted: Counted) -> Result<Verdict> {
        let Counted { events, deliveries } = counted;
        let mut verdict = Verdict { events, deliveries, ..Verdict::default() };
        let mut accounts = std::collections::BTreeSet::new();
        for kind in Kind::ALL {
            for Slice { days, rows } in self.slices(kind).await? {
                self.tell(Doing::Comparing, verdict.rows, None);
                let sql = format!(
                    "SELECT count() AS rows, groupUniqArray(toUInt16(day)) AS days, \
                     groupUniqArray(CAST(account, 'String')) AS accounts \
                     FROM (SELECT account, {day} AS day FROM ({difference}))",
                    day = kind.day(),
                    difference = self.difference(kind, &days)
                );
                let sum: Sum = days.bind(statement(self.clickhouse, &sql)).fetch_one().await?;
                verdict.rows += rows;
                if sum.rows == 0 {
                    continue;
                }
                verdict.differing += sum.rows;
                verdict.days.extend(sum.days);
                accounts.extend(sum.accounts);
                let room = NAMED - verdict.drifts.len().min(NAMED);
                verdict.drifts.extend(self.name(kind, &days, room).await?);
            }
        }
        verdict.accounts = accounts.into_iter().collect();
        Ok(verdict)
    }

    /// The days that a table or the one beside it has such rows of, cut into slices.
    pub(super) async fn slices(&self, kind: Kind) -> Result<Vec<Slice>> {
        let (table, day, condition) = (kind.table(), kind.day(), kind.condition(self.scope));
        let beside = self.staging.of(table);
        let sql = format!(
            "SELECT toUInt16(day) AS number, count() AS rows FROM (
    SELECT {day} AS day FROM {table} WHERE {condition} UNION ALL SELECT {day} AS day FROM {beside} WHERE {condition}
) GROUP BY day ORDER BY day"
        );
        let days: Vec<Day> = self.scope.bind(statement(self.clickhouse, &sql)).fetch_all().await?;
        let mut slices: Vec<(u16, u16, u64)> = Vec::new();
        for Day { number, rows } in days {
            match slices.last_mut() {
                Some((_, last, sum)) if *sum + rows <= SLICE => (*last, *sum) = (number, *sum + rows),
                _ => slices.push((number, number, rows)),
            }
        }
        Ok(slices.into_iter().map(|(first, last, rows)| Slice { days: self.scope.on(first, last), rows }).collect())
    }

    /// The rows of a table that are not what they should be, with what they should be.
    pub(super) fn difference(&self, kind: Kind, days: &Scope) -> String {
        let (table, condition) = (kind.table(), kind.condition(days));
        let beside = self.staging.of(table);
        let Some(keys) = kind.keys() else { return states(table, &beside, &condition) };
        let told = keys.join(", ");
        let found = read(0, &told, table, &condition);
        let expected = match kind {
            Kind::Fourths => self.days_of_fourths(keys, days),
            _ => vec![read(1, &told, &beside, &condition)],
        };
        sums(&told, &found, &expected)
    }

    /// What the rows of these fourths should be: what was counted anew of their days in the scope, and what stands there of the others.
    fn days_of_fourths(&self, keys: &[&str], fourths: &Scope) -> Vec<String> {
        let first = Grain::Fourth.first_of("stored.bucket");
        let told = keys.iter().map(|key| match *key {
            "bucket" => format!("{first} AS bucket"),
            "grain" => format!("CAST('{}' AS {}) AS grain", Grain::Fourth.name(), Grain::column()),
            key => key.to_owned(),
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let (day, grain) = ("toDate(stored.bucket)", Grain::Domain.name());
        let days = format!("stored.grain = '{grain}' AND {}", fourths.widened(Grain::Fourth).condition(day));
        let counted = self.scope.condition(day);
        let beside = self.staging.of(COARSE);
        vec![
            read(1, &told, &beside, &format!("{days} AND {counted}")),
            read(1, &told, COARSE, &format!("{days} AND NOT ({counted})")),
        ]
    }

    async fn name(&self, kind: Kind, days: &Scope, room: usize) -> Result<Vec<Drift>> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let difference = self.difference(kind, days);
        let sql = match kind.keys() {
            Some(keys) => named_sums(keys, &difference, room),
            None => named_states(&difference, room),
        };
        let named: Vec<Named> = days.bind(statement(self.clickhouse, &sql)).fetch_all().await?;
        let drift = |Named { owner, clock, moment, dimensions, what, should, does }| Drift {
            table: kind.table().to_owned(),
            account: owner,
            basis: Some(clock).filter(|clock: &String| !clock.is_empty()),
            at: moment,
            dimensions,
            measure: what,
            expected: should,
            found: does,
        };
        Ok(named.into_iter().map(drift).collect())
    }
}

/// Rows of sums: those found, or those recounted.
fn read(recounted: u8, keys: &str, table: &str, condition: &str) -> String {
    let numbers = summed().join(", ");
    format!(
        "SELECT {recounted} AS recounted, {keys}, {numbers}, {LATENCY_STEPS} AS steps, {LATENCY_COUNTS} AS counts \
         FROM {table} AS stored WHERE {condition}"
    )
}

/// Rows are sums, of which there may be several until a merge. Of the latencies, `latencies` is what is expected minus what is found, step
/// by step, and nothing of it is zero.
fn sums(keys: &str, found: &str, expected: &[String]) -> String {
    let sum = |recounted: u8| {
        let sums =
            summed().into_iter().map(|name| format!("sumIf({name}, recounted = {recounted})")).collect::<Vec<_>>();
        sums.join(", ")
    };
    format!(
        "SELECT {keys}, [{}] AS expected, [{}] AS found,
    sumMap(steps, arrayMap(number -> if(recounted = 1, number, -number), counts)) AS latencies FROM (
    {found}
    UNION ALL {}
) GROUP BY {keys} HAVING expected != found OR notEmpty(latencies.1)",
        sum(1),
        sum(0),
        expected.join("\n    UNION ALL "),
    )
}

/// Rows are states, the latest of each delivery. An absent one has no texts.
fn states(table: &str, beside: &str, condition: &str) -> String {
    let texts: Vec<_> = DELIVERY_COLUMNS
        .iter()
        .map(|column| {
            if HIDDEN.contains(column) {
                format!("toString(cityHash64({column}))")
            } else {
                format!("toString({column})")
            }
        })
        .collect();
    let texts = texts.join(", ");
    format!(
        "SELECT account, sent_day, delivery, anyIf(texts, recounted = 1) AS expected, anyIf(texts, recounted = 0) AS found FROM (
    SELECT 0 AS recounted, account, sent_day, delivery, [{texts}] AS texts FROM {table} FINAL WHERE {condition}
    UNION ALL SELECT 1 AS recounted, account, sent_day, delivery, [{texts}] AS texts FROM {beside} FINAL WHERE {condition}
) GROUP BY account, sent_day, delivery HAVING expected != found"
    )
}

fn named_sums(keys: &[&str], difference: &str, room: usize) -> String {
    let dimensions: Vec<_> = keys[3..].iter().map(|name| format!("('{name}', toString({name}))")).collect();
    format!(
        "SELECT CAST(account, 'String') AS owner, if(basis = 0, 'sent', 'event') AS clock,
    formatDateTime(bucket, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS moment,
    arrayFilter(pair -> pair.2 NOT IN ('', '{{}}'), [{dimensions}]) AS dimensions,
    cell.1 AS what, cell.2 AS should, cell.3 AS does
FROM ({difference})
ARRAY JOIN arrayConcat(
    arrayMap(
        cell -> (cell.1, toString(cell.2), toString(cell.3)),
        arrayFilter(cell -> cell.2 != cell.3, arrayZip([{names}], expected, found))
    ),
    arrayMap(
        (step, number) -> (
            concat(if(step >= {METHODS}, 'secured by method ', 'latency step '), toString(step % {METHODS})), toString(greatest(number, 0)), toString(greatest(-number, 0))
        ),
        arraySlice(latencies.1, 1, {STEPS}), arraySlice(latencies.2, 1, {STEPS})
    )
) AS cell
ORDER BY owner, moment, clock, dimensions, what LIMIT {room}",
        dimensions = dimensions.join(", "),
        names = quoted(&summed()),
    )
}

fn named_states(difference: &str, room: usize) -> String {
    format!(
        "SELECT CAST(account, 'String') AS owner, '' AS clock, toString(sent_day) AS moment,
    [('delivery', lower(hex(delivery)))] AS dimensions, cell.1 AS what,
    if(what IN ({hidden}), 'not shown', cell.2) AS should, if(what IN ({hidden}), 'not shown', cell.3) AS does
FROM ({difference})
ARRAY JOIN multiIf(
    empty(expected), [('row', 'absent', 'present')],
    empty(found), [('row', 'present', 'absent')],
    arrayFilter(cell -> cell.2 != cell.3, arrayZip([{names}], expected, found))
) AS cell
ORDER BY owner, moment, dimensions, what LIMIT {room}",
        hidden = quoted(&HIDDEN),
        names = quoted(&DELIVERY_COLUMNS),
    )
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
