//! What is painted on: boxes, lines, dots and texts, as pixels for PNG or as shapes for SVG.

use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use super::{font::Type, options::ChartError, svg::Svg};

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) color: Color,
    pub(crate) width: f32,
    pub(crate) dashed: bool,
}

impl Pen {
    /// How long its dashes are, and what is between them.
    pub(crate) fn dashes(&self) -> [f32; 2] {
        [self.width * 3.0, self.width * 2.5]
    }
}

/// A picture, its origin at the upper left.
pub(crate) enum Canvas {
    /// Pixels in memory.
    Pixels(Pixmap),
    /// Shapes, written down.
    Shapes(Svg),
}

impl Canvas {
    pub(crate) fn pixels(width: u32, height: u32, background: Color) -> Result<Self, ChartError> {
        let mut pixels = Pixmap::new(width, height).ok_or_else(|| ChartError::Draw("no such size".to_owned()))?;
        pixels.fill(background);
        Ok(Self::Pixels(pixels))
    }

    pub(crate) fn shapes(width: u32, height: u32, background: Color) -> Self {
        Self::Shapes(Svg::new(width, height, background))
    }

    /// A filled box; its edges lie on whole pixels where they are given so.
    pub(crate) fn fill(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color) {
        let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
        match self {
            Self::Pixels(pixels) => pixels.fill_rect(rect, &paint(color), Transform::identity(), None),
            Self::Shapes(svg) => svg.fill(rect, color),
        }
    }

    /// A line through points.
    pub(crate) fn line(&mut self, points: &[(f32, f32)], pen: Pen) {
        let pixels = match self {
            Self::Pixels(pixels) => pixels,
            Self::Shapes(svg) => return svg.line(points, pen),
        };
        let mut path = PathBuilder::new();
        let Some(((x, y), rest)) = points.split_first() else { return };
        path.move_to(*x, *y);
        for (x, y) in rest {
            path.line_to(*x, *y);
        }
        let dash = if pen.dashed { StrokeDash::new(pen.dashes().to_vec(), 0.0) } else { None };
        let cap = if pen.dashed { LineCap::Butt } else { LineCap::Round };
        let stroke = Stroke { width: pen.width, line_cap: cap, line_join: LineJoin::Round, dash, ..Stroke::default() };
        if let Some(path) = path.finish() {
            pixels.stroke_path(&path, &paint(pen.color), &stroke, Transform::identity(), None);
        }
    }

    /// A filled circle.
    pub(crate) fn dot(&mut self, x: f32, y: f32, radius: f32, color: Color) {
        match self {
            Self::Pixels(pixels) => {
                if let Some(path) = PathBuilder::from_circle(x, y, radius) {
                    pixels.fill_path(&path, &paint(color), FillRule::Winding, Transform::identity(), None);
                }
            }
            Self::Shapes(svg) => svg.dot(x, y, radius, color),
        }
    }

    /// A text whose baseline is at `y`.
    pub(crate) fn text(&mut self, text: &str, (x, y): (f32, f32), align: Align, kind: Type, color: Color) {
        let x = match align {
            Align::Left => x,
            Align::Center => x - kind.width(text) / 2.0,
            Align::Right => x - kind.width(text),
        };
        // The baseline lies on a whole pixel: letters are sharper.
        match self {
            Self::Pixels(pixels) => letters(pixels, text, (x, y.round()), kind, color),
            Self::Shapes(svg) => svg.text(text, (x, y.round()), kind, color),
        }
    }

    /// The picture as a file.
    pub(crate) fn file(self) -> Result<Vec<u8>, ChartError> {
        match self {
            Self::Pixels(pixels) => encoded(&pixels),
            Self::Shapes(svg) => Ok(svg.done().into_bytes()),
        }
    }
}

fn letters(pixels: &mut Pixmap, text: &str, (x, y): (f32, f32), kind: Type, color: Color) {
    let (width, height) = (pixels.width(), pixels.height());
    let ink = color.to_color_u8();
    let ink = [ink.red(), ink.green(), ink.blue()];
    let data = pixels.data_mut();
    kind.draw(text, x, y, |across, down, coverage| {
        let (Ok(across), Ok(down)) = (u32::try_from(across), u32::try_from(down)) else { return };
        if across < width && down < height {
            let start = (down as usize * width as usize + across as usize) * 4;
            for (under, ink) in data[start..start + 3].iter_mut().zip(ink) {
                *under = blend(*under, ink, coverage);
            }
        }
    });
}

/// The picture as PNG, without transparency.
fn encoded(pixels: &Pixmap) -> Result<Vec<u8>, ChartError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn blend(under: u8, ink: u8, coverage: f32) -> u8 {
    let mixed = f32::from(under) + (f32::from(ink) - f32::from(under)) * coverage.clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
    let value = mixed.round() as u8;
    value
}

fn paint(color: Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(color);
    paint
}
