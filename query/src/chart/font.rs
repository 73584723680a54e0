//! The embedded font: measuring, cutting and drawing text. No font of the system is needed.

use std::{borrow::Cow, sync::LazyLock};

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| load(include_bytes!("../../assets/DejaVuSans.ttf")));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| load(include_bytes!("../../assets/DejaVuSans-Bold.ttf")));

fn load(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is a font")
}

/// A weight and a size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type {
    /// Whether it is bold.
    pub(crate) bold: bool,
    /// Pixels per em.
    pub(crate) size: f32,
}

impl Type {
    fn font(self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    fn scale(self) -> PxScale {
        let font = self.font();
        PxScale::from(self.size * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
    }

    /// The width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> f32 {
        self.glyphs(text).1
    }

    /// The text, or as much of its beginning as fits, with an ellipsis.
    pub(crate) fn fit(self, text: &str, width: f32) -> Cow<'_, str> {
        // More letters than this fit nowhere; kilobytes need not be measured.
        let most = text.char_indices().nth(1_000).map_or(text.len(), |(end, _)| end);
        if most == text.len() && self.width(text) <= width {
            return Cow::Borrowed(text);
        }
        let ends: Vec<_> = text[..most].char_indices().map(|(start, _)| start).collect();
        let cut = |end: usize| format!("{}…", text[..end].trim_end());
        let fitting = ends.partition_point(|end| self.width(&cut(*end)) <= width);
        fitting.checked_sub(1).map_or(Cow::Borrowed(""), |last| Cow::Owned(cut(ends[last])))
    }

    /// Calls `paint` with every pixel that the text covers and how much of it, its baseline beginning at `x`, `y`.
    pub(crate) fn draw(self, text: &str, x: f32, y: f32, mut paint: impl FnMut(i32, i32, f32)) {
        for mut glyph in self.glyphs(text).0 {
            glyph.position = point(glyph.position.x + x, y);
            let Some(outline) = self.font().outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
            let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
            outline.draw(|across, down, coverage| {
                paint(left + across.cast_signed(), top + down.cast_signed(), coverage);
            });
        }
    }

    /// The glyphs at their places on the baseline, and where the next would be. A letter that the font does not have is the
    /// font's empty box.
    fn glyphs(self, text: &str) -> (Vec<Glyph>, f32) {
        let scale = self.scale();
        let font = self.font().as_scaled(scale);
        let mut x = 0.0;
        let mut glyphs: Vec<Glyph> = Vec::new();
        for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
            let id = font.glyph_id(letter);
            x += glyphs.last().map_or(0.0, |last| font.kern(last.id, id));
            glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
            x += font.h_advance(id);
        }
        (glyphs, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Type = Type { bold: false, size: 16.0 };

    #[test]
    fn a_long_label_is_cut_to_the_width_with_an_ellipsis() {
        let label = "a-very-long-recipient-domain.example.org";
        let cut = TEXT.fit(label, 120.0);
        assert!(cut.ends_with('…') && TEXT.width(&cut) <= 120.0, "{cut}");
        assert!(TEXT.width(&cut) > 100.0, "as much as fits is shown: {cut}");
        assert_eq!(TEXT.fit("short.example", 200.0), "short.example");
        assert_eq!(TEXT.fit("short.example", 1.0), "");
    }

    #[test]
    fn letters_of_any_script_are_drawn_somehow() {
        for text in ["Встреча", "約束の日", "موعدك", "🏥 visit", "a\0b\tc", "\u{10FFFF}", "e\u{301}"]
        {
            let mut painted = 0;
            TEXT.draw(text, 10.0, 20.0, |_, _, _| painted += 1);
            assert!(painted > 0, "{text}");
            assert!(TEXT.width(text) > 0.0);
        }
    }
}
