//! What the user sees while an import runs: a bar on a terminal, a line now and then elsewhere. All on standard error.

use std::{
    cell::{Cell, RefCell},
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::per_second;
use crate::cli::format::grouped;

/// Between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);
/// Between two turns of the bar.
const TICK: Duration = Duration::from_millis(200);

const WITH_LENGTH: &str = "{bar:30.green} {percent:>3} %  {msg}  {elapsed}, {eta} to go";
const WITHOUT_LENGTH: &str = "{spinner}  {msg}  {elapsed}";

/// Shows progress.
pub(super) struct Screen {
    bar: Option<ProgressBar>,
    length: Option<u64>,
    started: Instant,
    last_line: Cell<Instant>,
    trouble: RefCell<Option<String>>,
}

impl Screen {
    /// Progress through a source of so many bytes, if that is known, `done` of them before.
    pub(super) fn new(length: Option<u64>, done: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = if length.is_some() { WITH_LENGTH } else { WITHOUT_LENGTH };
            bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant"));
            // What was done before does not speak for the speed of what is to come.
            let bar = bar.with_position(done);
            bar.reset_eta();
            bar.set_message("0 events");
            bar.enable_steady_tick(TICK);
            bar
        });
        let now = Instant::now();
        Self { bar, length, started: now, last_line: Cell::new(now), trouble: RefCell::default() }
    }

    /// So many events are acknowledged, `fresh` of them by this run, and so many bytes of the source read.
    pub(super) fn update(&self, events: u64, fresh: u64, position: u64) {
        self.trouble.take();
        let speed = grouped(per_second(fresh, self.started.elapsed()));
        let text = format!("{} events, {speed}/s", grouped(events));
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(text);
        } else if self.last_line.get().elapsed() >= LINES {
            self.last_line.set(Instant::now());
            match self.length {
                Some(length) if length > 0 => eprintln!("{text}, {} % of the file", position * 100 / length),
                _ => eprintln!("{text}"),
            }
        }
    }

    /// Tells what went wrong and what happens next; once, until something goes well again.
    pub(super) fn trouble(&self, problem: &str, next: &str) {
        if self.trouble.borrow().as_deref() != Some(problem) {
            self.say(&format!("{problem}; {next}"));
            self.trouble.replace(Some(problem.to_owned()));
        }
    }

    /// Prints a line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Tells what is being waited for, now that everything is sent.
    pub(super) fn wait_for(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(ProgressStyle::with_template("{spinner}  {msg}  {elapsed}").expect("a constant"));
                bar.set_message(what.to_owned());
            }
            None => eprintln!("{what}"),
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
