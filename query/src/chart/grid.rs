//! Paints a heat map: cells, the names of rows and columns, and what the lightest and the darkest stand for.

use super::{
    canvas::Align,
    draw::{Area, Painter},
    font::Type,
    model::Heat,
};

/// Steps of the scale below the cells.
const STEPS: u8 = 32;

/// Paints the cells as large as fits.
pub(crate) fn heat(painter: &mut Painter, heat: &Heat, area: Area) {
    let layout = painter.layout;
    let kind = layout.small();
    let names = heat.rows.iter().map(|name| kind.width(name)).fold(0.0, f32::max).ceil() + layout.px(10.0);
    let (above, below) = ((kind.size * 1.7).round(), layout.px(34.0));
    let width = ((area.width - names) / heat.columns.len().max(1) as f32).floor();
    let height = ((area.height - above - below) / heat.rows.len().max(1) as f32).floor().min(layout.px(72.0)).max(1.0);
    let cells = Area {
        x: area.x + names,
        y: area.y + above,
        width: width * heat.columns.len() as f32,
        height: height * heat.rows.len() as f32,
    };
    columns(painter, heat, cells, width, kind);
    let gap = layout.px(2.0).clamp(1.0, (width.min(height) / 5.0).max(1.0)).floor();
    for (row, name) in heat.rows.iter().enumerate() {
        let y = cells.y + height * row as f32;
        let baseline = y + height / 2.0 + kind.size * 0.36;
        painter.canvas.text(name, (cells.x - layout.px(8.0), baseline), Align::Right, kind, painter.colors.text);
        for (column, cell) in heat.cells[row].iter().enumerate() {
            let x = cells.x + width * column as f32;
            let color = cell.as_ref().map_or(painter.colors.grid, |cell| painter.colors.heat(cell.share));
            painter.canvas.fill(x, y, (width - gap).max(1.0), (height - gap).max(1.0), color);
            let Some(cell) = cell else { continue };
            let kind = Type { size: kind.size * 0.92, ..kind };
            if kind.width(&cell.text) + layout.px(4.0) <= width && kind.size * 1.4 <= height {
                let at = (x + (width - gap) / 2.0, baseline);
                painter.canvas.text(&cell.text, at, Align::Center, kind, painter.colors.on_heat(cell.share));
            }
        }
    }
    scale(painter, heat, cells, kind);
}

/// The names of columns, as many as fit without touching.
fn columns(painter: &mut Painter, heat: &Heat, cells: Area, width: f32, kind: Type) {
    let widest = heat.columns.iter().map(|name| kind.width(name)).fold(0.0, f32::max) + painter.layout.px(6.0);
    let every = [1, 2, 3, 6, 12].into_iter().find(|every| width * *every as f32 >= widest).unwrap_or(24);
    for (place, name) in heat.columns.iter().enumerate().step_by(every) {
        let at = (cells.x + width * (place as f32 + 0.5), cells.y - kind.size * 0.5);
        painter.canvas.text(name, at, Align::Center, kind, painter.colors.muted);
    }
}

/// From the lightest to the darkest, at the right below the cells.
fn scale(painter: &mut Painter, heat: &Heat, cells: Area, kind: Type) {
    let layout = painter.layout;
    let [least, greatest] = &heat.ends;
    let (space, height) = (layout.px(7.0), layout.px(10.0));
    let step = (layout.px(160.0) / f32::from(STEPS)).ceil();
    let length = step * f32::from(STEPS);
    let right = cells.x + cells.width - kind.width(greatest) - space;
    let (left, y) = ((right - length).round(), cells.y + cells.height + layout.px(10.0));
    for place in 0..STEPS {
        let color = painter.colors.heat(f64::from(place) / f64::from(STEPS - 1));
        painter.canvas.fill(left + step * f32::from(place), y, step, height, color);
    }
    let baseline = y + height / 2.0 + kind.size * 0.36;
    painter.canvas.text(least, (left - space, baseline), Align::Right, kind, painter.colors.muted);
    painter.canvas.text(greatest, (right + space, baseline), Align::Left, kind, painter.colors.muted);
}
