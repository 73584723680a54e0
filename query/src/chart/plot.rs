//! Lines over time: axes, lines, and the line that should not be passed.

use super::{
    canvas::{Align, Pen},
    draw::{Area, Painter},
    font::Type,
    layout::Layout,
    model::{Block, LineOf, Lines, Threshold},
};

/// Dots mark the values as long as there are no more points than this.
const DOTS: usize = 45;

/// The room left and right of the lines, for the texts of the value axis and of the line not to be passed.
#[derive(Clone, Copy)]
pub(crate) struct Sides {
    left: f32,
    right: f32,
}

impl Sides {
    pub(crate) fn of(blocks: &[Block], layout: &Layout) -> Self {
        let kind = layout.small();
        let (mut left, mut right) = (0.0f32, 0.0f32);
        for block in blocks {
            if let Block::Lines(lines) = block {
                left = lines.ticks.iter().map(|(_, text)| kind.width(text)).fold(left, f32::max);
                right = lines.threshold.iter().map(|threshold| kind.width(&threshold.label)).fold(right, f32::max);
            }
        }
        Self { left: left.ceil() + layout.px(10.0), right: right.ceil() + layout.px(6.0) }
    }
}

/// Paints lines with their axes.
pub(crate) fn lines(painter: &mut Painter, lines: &Lines, area: Area, sides: Sides) {
    let layout = painter.layout;
    let mut area = area;
    if !lines.title.is_empty() {
        let at = (area.x, area.y + layout.px(11.0));
        painter.canvas.text(&lines.title, at, Align::Left, layout.heading(), painter.colors.muted);
        area.y += layout.px(24.0);
        area.height -= layout.px(24.0);
    }
    let kind = layout.small();
    let plot = Area {
        x: (area.x + sides.left).round(),
        y: (area.y + kind.size * 0.5).round(),
        width: (area.width - sides.left - sides.right).floor(),
        height: (area.height - kind.size * 2.2).floor(),
    };
    let scale = Scale::of(lines, plot);
    value_axis(painter, lines, &scale, kind);
    time_axis(painter, lines, &scale, kind);
    if let Some(threshold) = &lines.threshold {
        threshold_line(painter, threshold, &scale, kind);
    }
    for line in &lines.curves {
        draw(painter, line, &scale);
    }
}

/// How the line that should not be passed is drawn.
pub(crate) fn threshold_pen(painter: &Painter) -> Pen {
    Pen { color: painter.colors.alert, width: painter.layout.px(1.5).max(1.0), dashed: true }
}

/// From values to pixels.
struct Scale {
    plot: Area,
    max: f64,
    points: usize,
}

impl Scale {
    fn of(lines: &Lines, plot: Area) -> Self {
        let max = lines.ticks.last().map_or(1.0, |(value, _)| *value);
        Self { plot, max: if max > 0.0 { max } else { 1.0 }, points: lines.times.len() }
    }

    /// A single point stands in the middle.
    fn x(&self, place: usize) -> f32 {
        let part = if self.points > 1 { place as f32 / (self.points - 1) as f32 } else { 0.5 };
        let inset = (self.plot.width * 0.012).round();
        self.plot.x + inset + (self.plot.width - 2.0 * inset) * part
    }

    fn y(&self, value: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a part of one")]
        let part = (value / self.max) as f32;
        self.plot.y + self.plot.height * (1.0 - part)
    }
}

fn value_axis(painter: &mut Painter, lines: &Lines, scale: &Scale, kind: Type) {
    let thin = painter.layout.px(1.0).max(1.0);
    let room = scale.plot.height / kind.size / 1.6;
    let every = (lines.ticks.len() as f32 / room.max(1.0)).ceil().max(1.0);
    for (place, (value, text)) in lines.ticks.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let labelled = place % every as usize == 0;
        let y = scale.y(*value).round();
        painter.canvas.fill(scale.plot.x, y, scale.plot.width, thin, painter.colors.grid);
        if labelled {
            let at = (scale.plot.x - painter.layout.px(8.0), y + kind.size * 0.36);
            painter.canvas.text(text, at, Align::Right, kind, painter.colors.muted);
        }
    }
}

/// As many times as fit without touching, at multiples of a step.
fn time_axis(painter: &mut Painter, lines: &Lines, scale: &Scale, kind: Type) {
    let gap = painter.layout.px(16.0);
    let widest = lines.times.iter().map(|time| kind.width(&time.text)).fold(0.0, f32::max) + gap;
    let chosen = |step: i64| lines.times.iter().filter(move |time| time.grid % step == 0).count();
    let fits = |step: &i64| chosen(*step) as f32 * widest <= scale.plot.width;
    let step = lines.steps.iter().copied().find(fits).or(lines.steps.last().copied()).unwrap_or(1);
    // A range too short to hold a multiple names its first time.
    let only_first = chosen(step) == 0;
    let y = scale.plot.y + scale.plot.height + kind.size * 1.55;
    let right = scale.plot.x + scale.plot.width + painter.layout.px(6.0);
    let thin = painter.layout.px(1.0).max(1.0);
    let mut free = f32::MIN;
    for (place, time) in lines.times.iter().enumerate() {
        if time.grid % step != 0 && !(only_first && place == 0) {
            continue;
        }
        let (width, middle) = (kind.width(&time.text), scale.x(place));
        let left = (middle - width / 2.0).min(right - width);
        if left < free {
            continue;
        }
        free = left + width + gap / 2.0;
        let tick = scale.plot.y + scale.plot.height;
        painter.canvas.fill(middle.round(), tick, thin, painter.layout.px(4.0), painter.colors.grid);
        painter.canvas.text(&time.text, (left, y), Align::Left, kind, painter.colors.muted);
    }
}

fn threshold_line(painter: &mut Painter, threshold: &Threshold, scale: &Scale, kind: Type) {
    let y = scale.y(threshold.value).round() + 0.5;
    let pen = threshold_pen(painter);
    painter.canvas.line(&[(scale.plot.x, y), (scale.plot.x + scale.plot.width, y)], pen);
    let at = (scale.plot.x + scale.plot.width + painter.layout.px(6.0), y + kind.size * 0.36);
    painter.canvas.text(&threshold.label, at, Align::Left, kind, painter.colors.alert);
}

/// The line, part by part where values are missing. A value that stands alone is a dot.
fn draw(painter: &mut Painter, line: &LineOf, scale: &Scale) {
    let (colors, width) = (&painter.colors, (2.2 * painter.layout.scale).max(1.4));
    let color = if line.before { colors.faded(line.ink) } else { colors.ink(line.ink) };
    let pen = Pen { color, width, dashed: line.before || colors.dashed(line.ink) };
    let points =
        line.values.iter().enumerate().map(|(place, value)| value.map(|value| (scale.x(place), scale.y(value))));
    let points: Vec<_> = points.collect();
    for part in points.split(Option::is_none) {
        let part: Vec<_> = part.iter().copied().flatten().collect();
        painter.canvas.line(&part, pen);
        if points.len() <= DOTS && !line.before || part.len() == 1 {
            for (x, y) in part {
                painter.canvas.dot(x, y, pen.width * 1.35, color);
            }
        }
    }
}
