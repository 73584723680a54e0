//! The table of what was measured beside what is wanted.

use std::{fmt, time::Duration};

use crate::reports::Times;

/// What is wanted of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    /// It is only shown.
    Nothing,
}

/// A row: a figure of ours, what it is compared with, and the figure that is judged.
pub(crate) struct Row {
    what: String,
    ours: String,
    theirs: String,
    figure: Option<f64>,
    unit: &'static str,
    wanted: Wanted,
}

/// The rows so far.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a heading.
    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        let [ours, theirs] = [String::new(), String::new()];
        self.0.push(Row { what: text.into(), ours, theirs, figure: None, unit: "", wanted: Wanted::Nothing });
    }

    /// Adds events a second beside others', as often as theirs.
    pub(crate) fn speed(&mut self, what: impl Into<String>, ours: f64, theirs: f64, wanted: Wanted) {
        let show = |rate: f64| format!("{rate:.0}/s");
        self.ratio(what, show(ours), show(theirs), ours / theirs, wanted);
    }

    /// Adds 95th percentiles of ours and of theirs, and how many times faster ours are.
    pub(crate) fn faster(&mut self, what: String, ours: Times, theirs: &Result<Times, String>, wanted: Wanted) {
        match theirs {
            Ok(theirs) => {
                let ratio = theirs.p95.as_secs_f64() / ours.p95.as_secs_f64();
                self.ratio(what, times(ours), times(*theirs), ratio, wanted);
            }
            Err(error) => {
                let reason: String = error.chars().take(60).collect();
                self.0.push(Row { what, ours: times(ours), theirs: reason, figure: None, unit: "×", wanted });
            }
        }
    }

    /// Adds 95th percentiles of ours, large and small, and how many times slower the large one is.
    pub(crate) fn slower(&mut self, what: String, large: Times, small: Times, wanted: Wanted) {
        let ratio = large.p95.as_secs_f64() / small.p95.as_secs_f64();
        self.ratio(what, times(large), times(small), ratio, wanted);
    }

    /// The same where either may have had no answer.
    pub(crate) fn grown(
        &mut self,
        what: String,
        large: &Result<Times, String>,
        small: &Result<Times, String>,
        wanted: Wanted,
    ) {
        if let (Ok(large), Ok(small)) = (large, small) {
            return self.slower(what, *large, *small, wanted);
        }
        let [ours, theirs] = [large, small].map(|side| side.clone().map_or_else(|error| error, times));
        self.0.push(Row { what, ours, theirs, figure: Some(f64::INFINITY), unit: "×", wanted });
    }

    /// Adds a figure that stands for itself.
    pub(crate) fn figure(&mut self, what: impl Into<String>, figure: f64, unit: &'static str, wanted: Wanted) {
        let [ours, theirs] = [String::new(), String::new()];
        self.0.push(Row { what: what.into(), ours, theirs, figure: Some(figure), unit, wanted });
    }

    /// Adds a quotient of two figures.
    pub(crate) fn ratio(
        &mut self,
        what: impl Into<String>,
        ours: impl Into<String>,
        theirs: impl Into<String>,
        figure: f64,
        wanted: Wanted,
    ) {
        let row = Row {
            what: what.into(),
            ours: ours.into(),
            theirs: theirs.into(),
            figure: Some(figure),
            unit: "×",
            wanted,
        };
        self.0.push(row);
    }
}

/// Half of the runs took at most, and 95 of a hundred.
fn times(Times { p50, p95, runs }: Times) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("{:.1} / {:.1} ms ({runs}×)", ms(p50), ms(p95))
}

impl Row {
    fn verdict(&self) -> (String, &'static str) {
        let judge = |limit: f64, sign: &str, reached: bool| {
            let verdict = match (self.figure, reached) {
                (None, _) => "",
                (Some(_), true) => "reached",
                (Some(_), false) => "MISSED",
            };
            (format!("{sign} {limit}{}", spaced(self.unit)), verdict)
        };
        let figure = self.figure.unwrap_or_default();
        match self.wanted {
            Wanted::AtLeast(limit) => judge(limit, "≥", figure >= limit),
            Wanted::AtMost(limit) => judge(limit, "≤", figure <= limit),
            Wanted::Nothing => (String::new(), ""),
        }
    }
}

/// A unit after its number; only a multiplication sign stands close.
fn spaced(unit: &str) -> String {
    match unit {
        "" | "×" => unit.to_owned(),
        _ => format!(" {unit}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<58} {:>24} {:>26} {:>11} {:>11}",
            "", "Postlens, p50 / p95", "against, p50 / p95", "measured", "wanted"
        )?;
        for row in &self.0 {
            let (wanted, verdict) = row.verdict();
            let measured = match row.figure {
                Some(figure) if figure >= 100.0 => format!("{figure:.0}{}", spaced(row.unit)),
                Some(figure) => format!("{figure:.2}{}", spaced(row.unit)),
                None => String::new(),
            };
            let line =
                format!("{:<58} {:>24} {:>26} {measured:>11} {wanted:>11}  {verdict}", row.what, row.ours, row.theirs);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
