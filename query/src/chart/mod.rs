//! The report as a picture (PNG or SVG): horizontal bars for a split or a summary, a heat map for a split by weekday and hour, lines
//! for a series and a decay curve, marks for latencies.
//!
//! First **model**: what is shown, as plain values (made by **bars**, **heat**, **lines** and **latency**, worded by **words** and **numbers**). Then
//! **draw**: the same, laid out and painted on a **canvas**. At most 50 bars or 12 lines are drawn; the picture says how much
//! it does not show.

mod bars;
mod canvas;
mod draw;
mod font;
mod grid;
pub(crate) mod heat;
mod latency;
mod layout;
mod lines;
mod marks;
mod model;
mod numbers;
mod options;
mod plot;
mod svg;
mod theme;
mod words;

pub(crate) use bars::BarsOf;
pub use options::{ChartError, ChartOptions, Picture, Theme};

use crate::{DecayReport, Kind, LatencyReport, Report, report::Body};

/// Draws the report. Takes some 10 to 200 ms of computing and up to 150 MB of memory, by the picture's size.
///
/// # Errors
/// When the picture cannot be encoded.
pub fn draw(report: &Report, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError> {
    painted(options, picture, |layout| model_of(report, layout))
}

/// Draws bars of one number and one rate of each group.
pub(crate) fn draw_bars(bars: &BarsOf<'_>, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError> {
    painted(options, picture, |layout| bars::plain_split(bars, layout.rows()))
}

/// Draws how long things took.
pub(crate) fn draw_latencies(
    report: &LatencyReport,
    options: &ChartOptions,
    picture: Picture,
) -> Result<Vec<u8>, ChartError> {
    painted(options, picture, |layout| latency::latencies(report, layout.rows()))
}

/// Draws how openings and clicks came in with the age of messages.
pub(crate) fn draw_decay(
    report: &DecayReport,
    options: &ChartOptions,
    picture: Picture,
) -> Result<Vec<u8>, ChartError> {
    painted(options, picture, |layout| latency::decay(report, layout.two_parts()))
}

fn painted(
    options: &ChartOptions,
    picture: Picture,
    model: impl FnOnce(&layout::Layout) -> model::Chart,
) -> Result<Vec<u8>, ChartError> {
    let layout = layout::Layout::of(*options);
    draw::picture(&model(&layout), &layout, *options, picture)
}

/// What the picture of a report shows.
fn model_of(report: &Report, layout: &layout::Layout) -> model::Chart {
    match (&report.body, report.spec.kind) {
        (Body::Split { rows, remainder, .. }, _) => match heat::places(report.spec.by()) {
            Some(places) => heat::week(report, rows, remainder.as_ref(), places),
            None => bars::split(report, rows, remainder.as_ref(), layout.rows(), layout.rate_columns()),
        },
        (Body::Series { times, groups, remainder }, Kind::Series(interval)) => {
            let cut = remainder.as_ref().map_or(0, |(groups, _)| *groups);
            lines::series(report, interval, times, groups, cut, layout.two_parts())
        }
        _ => bars::summary(report, layout.rows()),
    }
}

#[cfg(test)]
mod tests;
