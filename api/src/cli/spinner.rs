//! A line on a terminal that tells how far something is which takes its time; nothing elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// The line, taken away at the end.
pub(super) struct Spinner(Option<ProgressBar>);

impl Spinner {
    pub(super) fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner}  {msg}  {elapsed}").expect("the template is a constant");
            ProgressBar::new_spinner().with_style(style)
        });
        Self(bar)
    }

    pub(super) fn show(&self, text: String) {
        let Some(bar) = &self.0 else { return };
        bar.set_message(text);
        bar.tick();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
