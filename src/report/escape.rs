//! Making foreign text harmless: in the page and in data inside the page.
//!
//! Everything a server said, and everything typed, passes through here before it is drawn. Control
//! and direction characters are shown by number, so that they cannot turn the text around them.

/// Longest foreign text shown, in characters.
const LONGEST: usize = 200;

/// Text for element content and quoted attributes.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => visible(c, &mut out),
        }
    }
    out
}

/// Text of unknown length, cut at 200 characters, not escaped yet.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

/// Text for a drawing: control and direction characters by number, cut at 200 characters.
pub(crate) fn drawn(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    cut(text).chars().for_each(|c| visible(c, &mut out));
    out
}

/// JSON for a data block of a page: no character in it can end the block.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            c if hidden(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn visible(c: char, out: &mut String) {
    if hidden(c) || c.is_control() {
        out.push_str(&format!("[U+{:04X}]", c as u32));
    } else {
        out.push(c);
    }
}

/// Characters that show nothing but turn or break the text around them, or may not stand in XML.
fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out() {
        assert_eq!(html("</script><img src=x onerror='a'>&\""), "&lt;/script&gt;&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;");
        assert_eq!(html("a\u{202e}b\u{2028}\u{7}"), "a[U+202E]b[U+2028][U+0007]");
        assert_eq!(json("{\"a\":\"</script>&\u{2028}\"}"), "{\"a\":\"\\u003c/script\\u003e\\u0026\\u2028\"}");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut(&"é".repeat(500)).chars().count(), 203);
        assert_eq!(cut("short"), "short");
    }
}
