//! A picture as SVG: the same shapes that are painted for PNG. Texts stay texts; each takes the width that the layout gives it,
//! whatever font the reader has.

use std::fmt::Write as _;

use tiny_skia::{Color, Rect};

use super::{canvas::Pen, font::Type};

/// What texts are set in: the font that the layout measures with, or what is much like it.
const FONTS: &str = "'DejaVu Sans', Verdana, sans-serif";

/// A picture while it is drawn.
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    pub(crate) fn new(width: u32, height: u32, background: Color) -> Self {
        let mut svg = Self { text: String::new() };
        svg.write(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{FONTS}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            hex(background)
        ));
        svg
    }

    pub(crate) fn fill(&mut self, rect: Rect, color: Color) {
        let (x, y, width, height) = (rect.x(), rect.y(), rect.width(), rect.height());
        if width <= 0.0 || height <= 0.0 {
            return;
        }
        self.write(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
            short(x),
            short(y),
            short(width),
            short(height),
            hex(color)
        ));
    }

    pub(crate) fn line(&mut self, points: &[(f32, f32)], pen: Pen) {
        if points.is_empty() {
            return;
        }
        let places: Vec<_> = points.iter().map(|(x, y)| format!("{},{}", short(*x), short(*y))).collect();
        let dashes = pen.dashes().map(short);
        let ends = if pen.dashed {
            format!("stroke-dasharray=\"{} {}\"", dashes[0], dashes[1])
        } else {
            "stroke-linecap=\"round\"".to_owned()
        };
        self.write(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" {ends}/>\n",
            places.join(" "),
            hex(pen.color),
            short(pen.width)
        ));
    }

    pub(crate) fn dot(&mut self, x: f32, y: f32, radius: f32, color: Color) {
        self.write(format_args!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>\n",
            short(x),
            short(y),
            short(radius),
            hex(color)
        ));
    }

    pub(crate) fn text(&mut self, text: &str, (x, y): (f32, f32), kind: Type, color: Color) {
        if text.is_empty() {
            return;
        }
        let weight = if kind.bold { " font-weight=\"bold\"" } else { "" };
        self.write(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{weight} fill=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>\n",
            short(x),
            short(y),
            short(kind.size),
            hex(color),
            short(kind.width(text)),
            escaped(text)
        ));
    }

    /// The whole picture.
    pub(crate) fn done(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        self.text.write_fmt(what).expect("writing to a String does not fail");
    }
}

/// Hundredths of a pixel are enough.
fn short(number: f32) -> f64 {
    (f64::from(number) * 100.0).round() / 100.0
}

fn hex(color: Color) -> String {
    let color = color.to_color_u8();
    format!("#{:02x}{:02x}{:02x}", color.red(), color.green(), color.blue())
}

/// A text that XML can hold: what it does not know is a blank, as in a picture of pixels.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(' '),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}
