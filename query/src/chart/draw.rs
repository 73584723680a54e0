//! Lays a chart out and paints it: title, subtitle, legend, parts, note.

use super::{
    canvas::{Align, Canvas, Pen},
    grid,
    layout::Layout,
    marks,
    model::{Bar, Bars, Block, Chart, Ink, Panel, Threshold},
    options::{ChartError, ChartOptions, Picture},
    plot,
    theme::Colors,
};

/// A box of the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// What painting needs.
pub(crate) struct Painter {
    pub(crate) canvas: Canvas,
    pub(crate) layout: Layout,
    pub(crate) colors: Colors,
}

/// Paints a chart.
pub(crate) fn picture(
    chart: &Chart,
    layout: &Layout,
    options: ChartOptions,
    picture: Picture,
) -> Result<Vec<u8>, ChartError> {
    let colors = Colors::of(options.theme());
    let (width, height) = (options.width(), options.height());
    let canvas = match picture {
        Picture::Png => Canvas::pixels(width, height, colors.background)?,
        Picture::Svg => Canvas::shapes(width, height, colors.background),
    };
    let mut painter = Painter { canvas, layout: *layout, colors };
    let mut area = painter.head(chart);
    if let Some(note) = &chart.note {
        area.height -= painter.note(note, area);
    }
    painter.blocks(&chart.blocks, area);
    painter.canvas.file()
}

impl Painter {
    /// Title, subtitle and legend; what is left below them.
    fn head(&mut self, chart: &Chart) -> Area {
        let layout = self.layout;
        let margin = layout.margin();
        let width = layout.width - 2.0 * margin;
        let mut y = margin + layout.px(17.0);
        let title = layout.title();
        self.canvas.text(&title.fit(&chart.title, width), (margin, y), Align::Left, title, self.colors.text);
        y += layout.px(23.0);
        let text = layout.text();
        self.canvas.text(&text.fit(&chart.subtitle, width), (margin, y), Align::Left, text, self.colors.muted);
        y += layout.px(12.0);
        if !chart.legend.is_empty() {
            y = self.legend(chart, y + layout.px(14.0));
        }
        y += layout.px(12.0);
        Area { x: margin, y, width, height: layout.height - y - margin }
    }

    /// Entries from left to right, in at most three lines; where the last baseline is.
    fn legend(&mut self, chart: &Chart, top: f32) -> f32 {
        let layout = self.layout;
        let (kind, margin) = (layout.small(), layout.margin());
        let (swatch, gap) = (layout.px(16.0), layout.px(20.0));
        let most = (layout.width - 2.0 * margin).min(layout.px(260.0));
        let (mut x, mut y) = (margin, top);
        let mut lines = 1;
        for (place, entry) in chart.legend.iter().enumerate() {
            let label = kind.fit(&entry.label, most - swatch).into_owned();
            let width = swatch + layout.px(6.0) + kind.width(&label);
            if x > margin && x + width > layout.width - margin {
                if lines == 3 {
                    let more = format!("+{}", chart.legend.len() - place);
                    self.canvas.text(&more, (x, y), Align::Left, kind, self.colors.muted);
                    break;
                }
                (x, y, lines) = (margin, y + layout.px(20.0), lines + 1);
            }
            let color = self.colors.ink(entry.ink);
            let (size, height) = (swatch, layout.px(10.0));
            if self.colors.dashed(entry.ink) {
                let part = (size / 3.0).floor();
                self.canvas.fill(x, y - height, part, height, color);
                self.canvas.fill(x + size - part, y - height, part, height, color);
            } else {
                self.canvas.fill(x, y - height, size, height, color);
            }
            self.canvas.text(&label, (x + size + layout.px(6.0), y), Align::Left, kind, self.colors.text);
            x += width + gap;
        }
        y
    }

    /// What is not shown, at the bottom; the height it takes.
    fn note(&mut self, note: &str, area: Area) -> f32 {
        let kind = self.layout.small();
        let baseline = area.y + area.height;
        let text = kind.fit(note, area.width);
        self.canvas.text(&text, (area.x, baseline), Align::Left, kind, self.colors.muted);
        self.layout.px(24.0)
    }

    fn blocks(&mut self, blocks: &[Block], area: Area) {
        let gap = self.layout.px(22.0);
        let weight = |block: &Block| match block {
            Block::Bars(bars) => bars.labels.len() as f32 + 1.5,
            Block::Marks(marks) => marks.labels.len() as f32 + 2.5,
            Block::Lines(lines) if lines.title.is_empty() => 1.9,
            Block::Lines(_) | Block::Heat(_) | Block::Empty(_) => 1.0,
        };
        let whole: f32 = blocks.iter().map(weight).sum();
        let height = area.height - gap * (blocks.len().saturating_sub(1)) as f32;
        // Parts that stand below each other begin and end at the same places.
        let sides = plot::Sides::of(blocks, &self.layout);
        let labels = blocks.iter().map(|block| self.label_width(block)).fold(0.0, f32::max);
        let mut y = area.y;
        for block in blocks {
            let part = Area { y, height: (height * weight(block) / whole).floor(), ..area };
            match block {
                Block::Bars(bars) => self.bars(bars, part, labels),
                Block::Lines(lines) => plot::lines(self, lines, part, sides),
                Block::Heat(heat) => grid::heat(self, heat, part),
                Block::Marks(marks) => marks::paint(self, marks, part, labels),
                Block::Empty(text) => self.empty(text, part),
            }
            y += part.height + gap;
        }
    }

    fn empty(&mut self, text: &str, area: Area) {
        let kind = self.layout.text();
        let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
        let line = self.layout.px(1.0).max(1.0);
        self.canvas.fill(area.x, area.y, area.width, line, self.colors.grid);
        self.canvas.fill(area.x, area.y + area.height - line, area.width, line, self.colors.grid);
        self.canvas.text(&kind.fit(text, area.width), middle, Align::Center, kind, self.colors.muted);
    }

    /// How wide the labels of bars are in full size.
    fn label_width(&self, block: &Block) -> f32 {
        let kind = self.layout.text();
        match block {
            Block::Bars(bars) => bars.labels.iter().map(|label| kind.width(label)).fold(0.0, f32::max).ceil(),
            Block::Marks(marks) => marks.labels.iter().map(|label| kind.width(label)).fold(0.0, f32::max).ceil(),
            Block::Lines(_) | Block::Heat(_) | Block::Empty(_) => 0.0,
        }
    }

    fn bars(&mut self, bars: &Bars, area: Area, widest: f32) {
        let layout = self.layout;
        let heading = layout.px(24.0);
        let room = (area.height - heading) / bars.labels.len().max(1) as f32;
        let row = room.min(layout.px(64.0));
        let size = (row * 0.62).min(14.5 * layout.scale).max(7.0);
        let kind = super::font::Type { bold: false, size };
        let labels = (widest * size / layout.text().size + layout.px(14.0)).min(area.width * 0.32);
        let baseline = |place: usize| area.y + heading + row * (place as f32 + 0.5) + size * 0.36;
        for (place, label) in bars.labels.iter().enumerate() {
            let text = kind.fit(label, labels - layout.px(12.0));
            self.canvas.text(&text, (area.x, baseline(place)), Align::Left, kind, self.colors.text);
        }
        let gap = layout.px(22.0);
        let width = area.width - labels - gap * (bars.panels.len().saturating_sub(1)) as f32;
        let mut x = area.x + labels;
        for (panel, width) in bars.panels.iter().zip(self.widths(&bars.panels, width, kind)) {
            let part = Area { x, width: width.floor(), ..area };
            self.panel(panel, part, heading, row, kind);
            x += part.width + gap;
        }
    }

    /// How wide the columns are: as their shares say, or, where a text has no room then, as their texts need.
    fn widths(&self, panels: &[Panel], width: f32, kind: super::font::Type) -> Vec<f32> {
        let shares: f32 = panels.iter().map(|panel| panel.share).sum();
        let needs: Vec<_> = panels.iter().map(|panel| texts(panel, kind) + self.layout.px(31.0)).collect();
        let need: f32 = needs.iter().sum();
        let by_share = |whole: f32| panels.iter().map(move |panel| whole * panel.share / shares);
        if by_share(width).zip(&needs).all(|(width, need)| width >= *need) {
            by_share(width).collect()
        } else if need <= width {
            by_share(width - need).zip(&needs).map(|(more, need)| need + more).collect()
        } else {
            needs.iter().map(|part| width * part / need).collect()
        }
    }

    fn panel(&mut self, panel: &Panel, area: Area, heading: f32, row: f32, kind: super::font::Type) {
        let layout = self.layout;
        let space = layout.px(7.0);
        let length = (area.width - texts(panel, kind) - space).max(8.0);
        let per_unit = if panel.max > 0.0 { f64::from(length) / panel.max } else { 0.0 };
        let head = layout.heading();
        let title_width = if panel.threshold.is_some() { area.width * 0.6 } else { area.width };
        let title_at = (area.x, area.y + layout.px(11.0));
        let rows = row * panel.bars.len() as f32;
        self.canvas.fill(area.x, area.y + heading, layout.px(1.0).max(1.0), rows, self.colors.grid);
        let title = head.fit(&panel.title, title_width).into_owned();
        self.canvas.text(&title, title_at, Align::Left, head, self.colors.muted);
        // Texts stand behind their bars, or below each other where a line would run through them.
        let column = panel.threshold.as_ref().map(|_| area.x + length + space);
        let compared = panel.bars.iter().any(|bar| bar.before.is_some());
        for (place, bar) in panel.bars.iter().enumerate() {
            let top = area.y + heading + row * place as f32;
            let end = self.bar(bar, (area.x, top), (row, compared), per_unit);
            let at = (column.unwrap_or(end + space), top + row * 0.5 + kind.size * 0.36);
            let alert = bar.parts.iter().any(|(ink, _)| *ink == Ink::Alert);
            let color = if alert { self.colors.alert } else { self.colors.text };
            self.canvas.text(&bar.text, at, Align::Left, kind, color);
        }
        if let Some(threshold) = &panel.threshold {
            let after_title = area.x + head.width(&title) + space;
            self.threshold(threshold, Area { y: area.y + heading, height: rows, ..area }, per_unit, after_title);
        }
    }

    /// A bar, and below it, thinner, what it was in the other period; where they end.
    fn bar(&mut self, bar: &Bar, (left, top): (f32, f32), (row, compared): (f32, bool), per_unit: f64) -> f32 {
        let room = (row * 0.64).min(self.layout.px(36.0)).round().max(2.0);
        let y = (top + (row - room) / 2.0).round();
        let thickness = if compared { (room * 0.62).round() } else { room };
        let mut sum = 0.0;
        let at = |value: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
            let pixels = (value * per_unit).round() as f32;
            left + pixels
        };
        for (ink, value) in &bar.parts {
            let (start, end) = (at(sum), at(sum + value));
            // What exists is seen, be it small.
            let width = if *value > 0.0 { (end - start).max(1.0) } else { 0.0 };
            let color = self.colors.ink(*ink);
            self.canvas.fill(start, y, width, thickness, color);
            sum += value;
        }
        if let Some(before) = bar.before.filter(|before| *before > 0.0) {
            let (end, color) = (at(before), self.colors.ink(Ink::Before));
            self.canvas.fill(left, y + thickness, (end - left).max(1.0), room - thickness, color);
            sum = sum.max(before);
        }
        let Some(mark) = bar.mark else { return at(sum) };
        let pen = Pen { dashed: false, ..plot::threshold_pen(self) };
        self.canvas.line(&[(at(mark), top + 1.0), (at(mark), top + row - 1.0)], pen);
        at(sum.max(mark))
    }

    /// The line that should not be passed, upright through the rows, its value above it.
    fn threshold(&mut self, threshold: &Threshold, rows: Area, per_unit: f64, after: f32) {
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
        let x = (f64::from(rows.x) + threshold.value * per_unit).round() as f32;
        let layout = self.layout;
        let pen = plot::threshold_pen(self);
        self.canvas.line(&[(x, rows.y - layout.px(3.0)), (x, rows.y + rows.height)], pen);
        let kind = layout.small();
        let label = (x - kind.width(&threshold.label) / 2.0).max(after);
        let baseline = rows.y - layout.px(24.0) + layout.px(11.0);
        self.canvas.text(&threshold.label, (label, baseline), Align::Left, kind, self.colors.alert);
    }
}

/// How wide the texts behind the bars are.
fn texts(panel: &Panel, kind: super::font::Type) -> f32 {
    panel.bars.iter().map(|bar| kind.width(&bar.text)).fold(0.0, f32::max).ceil()
}
