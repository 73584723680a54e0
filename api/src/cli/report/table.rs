//! A report as a table for a terminal: columns aligned, thousands separated, fractions as percentages.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, LineStyle, Row as Line, Table, TableStyle};

use super::answer::{Answer, Bounds, Change, Frame, Numbers, Row};
use crate::cli::format::{grouped, percentage};

/// Longer values of a dimension are cut.
const KEY_WIDTH: usize = 44;
/// Longer patterns and URLs, which stand beside few numbers.
const TEXT_WIDTH: usize = 100;
/// The rate that has a line not to be passed.
const SPAM: &str = "spam_rate";
/// The spam rate that mailbox providers tolerate; strictly more passes it (METRICS.md, "Rates").
const SPAM_LINE: f64 = 0.003;
/// Marks a spam rate past the line.
const MARK: &str = "▲";

/// The table with a line above that says what it shows, and notes below.
pub(super) fn render(answer: &Answer) -> String {
    let (mut table, past) = match (&answer.interval, answer.by.is_empty()) {
        (None, true) => summary(&answer.total),
        _ => rows(answer),
    };
    let mut text = head(&answer.frame);
    if let Some(other) = &answer.compare {
        writeln!(text, "compared with {} to {}", other.from, other.to).expect("a String takes all");
    }
    text.push('\n');
    write_lines(&mut text, &mut table);
    if past {
        writeln!(text, "\n{MARK} the spam rate passes 0.3 %").expect("a String takes all");
    }
    if answer.rows.iter().any(|row| !row.numbers.differences.0.is_empty()) {
        text.push_str("\n↑ ↓ above or below the rest beyond chance; of those marked, at most one in twenty is not\n");
    }
    if answer.compare.is_some() {
        text.push_str("\n+ - change since the other period: counts in per cent of what they were, rates in percentage points (pp)\n");
    }
    write_notes(&mut text, &answer.frame);
    if let Some(next) = &answer.next {
        writeln!(text, "\nnext page: --cursor {}", printable(next)).expect("a String takes all");
    }
    text
}

/// A table of latencies, with a line above that says what it shows, and notes below.
pub(super) fn framed(frame: &Frame, mut table: Table) -> String {
    let mut text = head(frame);
    text.push('\n');
    write_lines(&mut text, &mut table);
    write_notes(&mut text, frame);
    text
}

fn head(Frame { from, to, tz, basis, as_of, .. }: &Frame) -> String {
    format!("{from} to {to} ({tz}), basis {basis}, as of {as_of}\n")
}

fn write_notes(text: &mut String, frame: &Frame) {
    for note in &frame.notes {
        writeln!(text, "\n{}", printable(note)).expect("a String takes all");
    }
}

fn write_lines(text: &mut String, table: &mut Table) {
    // One blank between columns comes from the style, one from here.
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// One line for each group, then what was cut and the total. Also whether a spam rate passes the line.
fn rows(answer: &Answer) -> (Table, bool) {
    let mut table = empty();
    let time = answer.interval.is_some().then_some("time");
    let names = answer.total.measures.names().chain(answer.total.rates.names());
    let keys = time.into_iter().chain(answer.by.iter().map(String::as_str));
    let tall = names.clone().any(|name| name.contains('_'));
    let header = keys.map(|name| Cell::new(heading(tall, &printable(name))));
    let header = header.chain(names.map(|name| right(&heading(tall, &name.replacen('_', "\n", 1)))));
    table.set_header(Line::from(header.collect::<Vec<_>>()));

    let columns = usize::from(time.is_some()) + answer.by.len();
    let mut past = false;
    let mut add = |keys: Vec<String>, numbers: &Numbers| {
        let keys = (0..columns).map(|place| Cell::new(keys.get(place).map_or("", String::as_str)));
        table.add_row(Line::from(keys.chain(cells(numbers)).collect::<Vec<_>>()));
        past |= passes(numbers);
    };
    for row in &answer.rows {
        add(labels(answer, row), &row.numbers);
    }
    if let Some(remainder) = &answer.remainder {
        let label = format!("({} groups more)", grouped(remainder.groups));
        for row in &remainder.rows {
            add(time_of(answer, row).into_iter().chain([label.clone()]).collect(), &row.numbers);
        }
        if remainder.rows.is_empty() {
            add(vec![label], &remainder.numbers);
        }
    }
    add(vec!["total".to_owned()], &answer.total);
    (table, past)
}

/// One line for each number.
fn summary(total: &Numbers) -> (Table, bool) {
    let mut table = empty();
    let past = passes(total);
    for (name, count) in &total.measures.0 {
        table.add_row(Line::from(vec![
            Cell::new(name),
            right(&format!("{}{}", number(*count), count_change(total, name))),
        ]));
    }
    for (name, rate) in &total.rates.0 {
        let mark = if past && name == SPAM { MARK } else { "" };
        let text = format!("{}{}{}", percentage(*rate), doubt(total, name), rate_change(total, name));
        table.add_row(Line::from(vec![Cell::new(name), right(&text), Cell::new(mark)]));
    }
    (table, past)
}

pub(super) fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table
}

fn labels(answer: &Answer, row: &Row) -> Vec<String> {
    let width = |name: &str| if matches!(name, "reason" | "url") { TEXT_WIDTH } else { KEY_WIDTH };
    let keys = answer.by.iter().map(|name| cut(row.key.get(name).map_or("", String::as_str), width(name)));
    time_of(answer, row).into_iter().chain(keys).collect()
}

/// The time of a series' row, without what an interval of days makes superfluous.
fn time_of(answer: &Answer, row: &Row) -> Option<String> {
    let whole_days = matches!(answer.interval.as_deref()?, "day" | "week" | "month");
    let time = row.time.as_deref().unwrap_or_default();
    Some(if whole_days { time.split('T').next().unwrap_or(time).to_owned() } else { time.to_owned() })
}

fn cells(numbers: &Numbers) -> impl Iterator<Item = Cell> {
    let measure =
        |(name, count): &(String, Option<i64>)| right(&format!("{}{}", number(*count), count_change(numbers, name)));
    let measures = numbers.measures.0.iter().map(measure);
    let rates = numbers.rates.0.iter().map(|(name, rate)| {
        let text = format!("{}{}{}", percentage(*rate), doubt(numbers, name), rate_change(numbers, name));
        // Numbers stay aligned, marked or not.
        if name != SPAM {
            return right(&text);
        }
        let mark = if rate.is_some_and(|rate| rate > SPAM_LINE) { MARK } else { " " };
        right(&format!("{text} {mark}"))
    });
    measures.chain(rates)
}

/// What is behind a rate where its certainty was asked for: its interval, and on which side of the rest it is beyond chance.
fn doubt(numbers: &Numbers, name: &str) -> String {
    let Some(Some(Bounds { low, high })) = numbers.intervals.get(name).copied() else { return String::new() };
    let bounds = format!("  {} to {}", percentage(Some(low)), percentage(Some(high)));
    let Some(difference) = numbers.differences.get(name) else { return bounds };
    let differs = difference.as_ref().and_then(|found| found.differs.as_deref());
    let side = match differs {
        Some("above") => "↑",
        Some("below") => "↓",
        _ => " ",
    };
    format!("{bounds} {side}")
}

/// How a count changed since the other period, if that is asked for.
fn count_change(numbers: &Numbers, name: &str) -> String {
    let Some(compare) = &numbers.compare else { return String::new() };
    let text = match compare.change.measures.get(name) {
        Some(Change { relative: Some(relative), .. }) => format!("{:+.1} %", relative * 100.0),
        Some(Change { absolute, .. }) if *absolute != 0.0 => "new".to_owned(),
        _ => "–".to_owned(),
    };
    format!(" {text:>9}")
}

/// How a rate changed since the other period, in percentage points.
fn rate_change(numbers: &Numbers, name: &str) -> String {
    let Some(compare) = &numbers.compare else { return String::new() };
    let change = compare.change.rates.get(name).copied().flatten();
    let text = change.map_or_else(|| "–".to_owned(), |change| format!("{:+.2} pp", change.absolute * 100.0));
    format!(" {text:>9}")
}

/// A number; a dot where it is hidden for the few people that it stands for, or would tell.
pub(super) fn number(count: Option<i64>) -> String {
    count.map_or_else(|| "·".to_owned(), grouped)
}

fn passes(numbers: &Numbers) -> bool {
    numbers.rates.get(SPAM).copied().flatten().is_some_and(|rate| rate > SPAM_LINE)
}

/// A heading that stands on the lower of two lines, unless it takes both or there is one.
fn heading(tall: bool, name: &str) -> String {
    if tall && !name.contains('\n') { format!("\n{name}") } else { name.to_owned() }
}

pub(super) fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A text that a terminal shows and does not obey.
fn printable(text: &str) -> String {
    let hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if hidden(letter) { '\u{fffd}' } else { letter }).collect()
}

pub(super) fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(document: &str) -> String {
        render(&serde_json::from_str(document).unwrap())
    }

    #[test]
    fn a_split_shows_groups_what_was_cut_and_the_total() {
        let text = rendered(
            r#"{"by":["recipient_domain"],"from":"2026-11-01T00:00:00Z","to":"2026-11-15T00:00:00Z","tz":"UTC","basis":"sent",
                "as_of":"2026-11-23T06:00:00.000Z",
                "rows":[{"key":{"recipient_domain":"gmail.com"},"measures":{"queued":1234567,"clicked":10},
                         "rates":{"ctr":0.1,"spam_rate":0.0031}},
                        {"key":{"recipient_domain":"(none)"},"measures":{"queued":5,"clicked":0},
                         "rates":{"ctr":null,"spam_rate":0.003}}],
                "remainder":{"groups":1037,"measures":{"queued":95,"clicked":1},"rates":{"ctr":0.5,"spam_rate":null}},"next":"c9mBq1iH",
                "total":{"measures":{"queued":1234667,"clicked":11},"rates":{"ctr":0.25,"spam_rate":0.0001}}}"#,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_split_shows_how_sure_its_rates_are_and_which_differ() {
        let text = rendered(
            r#"{"by":["subject"],"from":"2026-11-01T00:00:00Z","to":"2026-11-15T00:00:00Z","tz":"UTC","basis":"sent",
                "as_of":"2026-11-23T06:00:00.000Z",
                "rows":[{"key":{"subject":"three"},"measures":{"delivered":3},"rates":{"ctr":0.3333},
                         "intervals":{"ctr":{"low":0.0615,"high":0.7923}},"differences":{"ctr":{"differs":null,"p":0.03,"q":0.04}}},
                        {"key":{"subject":"many"},"measures":{"delivered":1000},"rates":{"ctr":0.04},
                         "intervals":{"ctr":{"low":0.0295,"high":0.054}},"differences":{"ctr":{"differs":"above","p":0.00007,"q":0.0001}}},
                        {"key":{"subject":"none"},"measures":{"delivered":0},"rates":{"ctr":null},
                         "intervals":{"ctr":null},"differences":{"ctr":null}}],
                "remainder":null,"next":null,
                "total":{"measures":{"delivered":1003},"rates":{"ctr":0.0409},"intervals":{"ctr":{"low":0.0303,"high":0.055}}}}"#,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_compared_shows_how_it_changed() {
        let text = rendered(
            r#"{"by":["campaign"],"from":"2026-11-08T00:00:00Z","to":"2026-11-15T00:00:00Z",
                "compare":{"from":"2026-11-01T00:00:00Z","to":"2026-11-08T00:00:00Z"},"tz":"UTC","basis":"sent",
                "as_of":"2026-11-23T06:00:00.000Z",
                "rows":[{"key":{"campaign":"autumn"},"measures":{"queued":1500},"rates":{"spam_rate":0.004},
                         "compare":{"measures":{"queued":1200},"rates":{"spam_rate":0.002},
                            "change":{"measures":{"queued":{"absolute":300,"relative":0.25}},"rates":{"spam_rate":{"absolute":0.002,"relative":1.0}}}}},
                        {"key":{"campaign":"new"},"measures":{"queued":5},"rates":{"spam_rate":0.0},
                         "compare":{"measures":{"queued":0},"rates":{"spam_rate":null},
                            "change":{"measures":{"queued":{"absolute":5,"relative":null}},"rates":{"spam_rate":null}}}}],
                "remainder":null,"next":null,
                "total":{"measures":{"queued":1505},"rates":{"spam_rate":0.003},
                         "compare":{"measures":{"queued":1200},"rates":{"spam_rate":0.002},
                            "change":{"measures":{"queued":{"absolute":305,"relative":0.2541}},"rates":{"spam_rate":{"absolute":0.001,"relative":0.5}}}}}}"#,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_series_shows_the_time_of_each_row_and_of_what_was_cut() {
        let text = rendered(
            r#"{"interval":"day","by":["mailbox_provider"],"from":"2026-11-01T00:00:00-04:00","to":"2026-11-03T00:00:00-05:00",
                "tz":"America/New_York","basis":"event","as_of":"2026-11-23T06:00:00.000Z","notes":["A rate can exceed 100 %."],
                "rows":[{"time":"2026-11-01T00:00:00-04:00","key":{"mailbox_provider":"gmail"},"measures":{"opened":3},"rates":{}},
                        {"time":"2026-11-02T00:00:00-05:00","key":{"mailbox_provider":"gmail"},"measures":{"opened":0},"rates":{}}],
                "remainder":{"groups":4,"measures":{"opened":2},"rates":{},
                    "rows":[{"time":"2026-11-01T00:00:00-04:00","measures":{"opened":2},"rates":{}},
                            {"time":"2026-11-02T00:00:00-05:00","measures":{"opened":0},"rates":{}}]},
                "total":{"measures":{"opened":5},"rates":{}}}"#,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_summary_shows_one_number_a_line() {
        let text = rendered(
            r#"{"from":"2026-11-01T00:00:00Z","to":"2026-11-02T00:00:00Z","tz":"UTC","basis":"sent","as_of":"2026-11-23T06:00:00.000Z",
                "total":{"measures":{"queued":20000,"failed_hard":7},"rates":{"spam_rate":0.0044,"ctr":null}}}"#,
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_value_cannot_steer_the_terminal_or_push_the_columns_away() {
        assert_eq!(cut("a\u{1b}[2Jb\u{202e}", KEY_WIDTH), "a\u{fffd}[2Jb\u{fffd}");
        let long = cut(&"ä".repeat(100), KEY_WIDTH);
        assert_eq!((long.chars().count(), long.ends_with('…')), (KEY_WIDTH, true));
    }
}
