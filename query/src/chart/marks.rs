//! Paints marks on a logarithmic axis of time: a dot, a square and an upright line for each row, their values beside them.

use super::{
    canvas::{Align, Pen},
    draw::{Area, Painter},
    font::Type,
    model::{Ink, Marked, Marks},
};

/// Less than this part of the width is no axis: columns of values make room.
const LEAST_AXIS: f32 = 0.34;

/// A column of values: its place among the columns, and how wide it is.
type Column = (usize, f32);

/// Paints the rows; `widest` is the width of the labels in full size.
pub(crate) fn paint(painter: &mut Painter, marks: &Marks, area: Area, widest: f32) {
    let layout = painter.layout;
    let (heading, below) = (layout.px(24.0), layout.px(20.0));
    let row = ((area.height - heading - below) / marks.labels.len().max(1) as f32).min(layout.px(48.0));
    let kind = Type { bold: false, size: (row * 0.66).min(14.5 * layout.scale).max(7.0) };
    let labels = (widest * kind.size / layout.text().size + layout.px(14.0)).min(area.width * 0.3);
    let columns = columns(marks, kind, area.width - labels, layout.px(14.0));
    let values: f32 = columns.iter().map(|(_, width)| width).sum();
    let axis = Area {
        x: (area.x + labels).round(),
        y: area.y + heading,
        width: (area.width - labels - values - layout.px(10.0)).floor(),
        height: row * marks.labels.len() as f32,
    };
    let baseline = area.y + layout.px(11.0);
    let head = layout.heading();
    let room = if columns.len() == marks.columns.len() { labels + axis.width * 0.9 } else { labels + axis.width };
    painter.canvas.text(&head.fit(&marks.title, room), (area.x, baseline), Align::Left, head, painter.colors.muted);
    ticks(painter, marks, axis);
    let mut right = area.x + area.width - values;
    for (column, width) in &columns {
        right += width;
        let name = &marks.columns[*column].0;
        let color = painter.colors.muted;
        painter.canvas.text(name, (right, baseline), Align::Right, head, color);
    }
    for (place, (label, marked)) in marks.labels.iter().zip(&marks.rows).enumerate() {
        let middle = (axis.y + row * (place as f32 + 0.5)).round();
        let baseline = middle + kind.size * 0.36;
        let text = kind.fit(label, labels - layout.px(12.0));
        painter.canvas.text(&text, (area.x, baseline), Align::Left, kind, painter.colors.text);
        row_of(painter, marks, marked, axis, (middle, row));
        let mut right = area.x + area.width - values;
        for (column, width) in &columns {
            right += width;
            let text = marked.texts.get(*column).map_or("", String::as_str);
            painter.canvas.text(text, (right, baseline), Align::Right, kind, painter.colors.text);
        }
    }
}

/// The columns that there is room for: the first goes first, then those before the last.
fn columns(marks: &Marks, kind: Type, width: f32, gap: f32) -> Vec<Column> {
    let wide = |column: usize| {
        let widest = marks.widest.get(column).map_or(0.0, |text| kind.width(text));
        (widest.max(Type { bold: true, ..kind }.width(&marks.columns[column].0)) + gap).ceil()
    };
    let mut columns: Vec<Column> = (0..marks.columns.len()).map(|column| (column, wide(column))).collect();
    while !columns.is_empty() && columns.iter().map(|(_, width)| width).sum::<f32>() > width * (1.0 - LEAST_AXIS) {
        columns.remove(0);
    }
    columns
}

/// Thin upright lines, with as many names below as fit without touching.
fn ticks(painter: &mut Painter, marks: &Marks, axis: Area) {
    let layout = painter.layout;
    let (kind, thin) = (layout.small(), layout.px(1.0).max(1.0));
    let y = axis.y + axis.height + layout.px(4.0) + kind.size;
    let mut free = f32::MIN;
    for (place, text) in &marks.ticks {
        let x = x(axis, *place);
        painter.canvas.fill(x, axis.y, thin, axis.height + layout.px(4.0), painter.colors.grid);
        let left = x - kind.width(text) / 2.0;
        if left >= free {
            painter.canvas.text(text, (left, y), Align::Left, kind, painter.colors.muted);
            free = left + kind.width(text) + layout.px(8.0);
        }
    }
}

/// The marks of a row from the last to the first, so that the first is seen where they meet; a line joins them.
fn row_of(painter: &mut Painter, marks: &Marks, marked: &Marked, axis: Area, (middle, row): (f32, f32)) {
    let size = (row * 0.2).clamp(2.0, painter.layout.px(7.0));
    let inks = marks.columns.iter().filter_map(|(_, ink)| *ink);
    let known: Vec<(usize, Ink, f32)> = inks
        .zip(&marked.places)
        .enumerate()
        .filter_map(|(place, (ink, at))| Some((place, ink, x(axis, (*at)?))))
        .collect();
    if let (Some((.., from)), Some((.., to))) = (known.first(), known.last()) {
        let pen = Pen { color: painter.colors.ink(Ink::Neutral), width: (size * 0.4).max(1.0), dashed: false };
        painter.canvas.line(&[(*from, middle), (*to, middle)], pen);
    }
    for (place, ink, x) in known.into_iter().rev() {
        let color = painter.colors.ink(ink);
        match place {
            0 => painter.canvas.dot(x, middle, size, color),
            1 => painter.canvas.fill(
                (x - size * 0.85).round(),
                (middle - size * 0.85).round(),
                (size * 1.7).round(),
                (size * 1.7).round(),
                color,
            ),
            _ => {
                let width = (size * 0.7).round().max(2.0);
                painter.canvas.fill(
                    (x - width / 2.0).round(),
                    (middle - size * 1.5).round(),
                    width,
                    (size * 3.0).round(),
                    color,
                );
            }
        }
    }
}

fn x(axis: Area, place: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a part of one")]
    let part = place as f32;
    (axis.x + axis.width * part).round()
}
