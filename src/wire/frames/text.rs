//! UTF-8 that comes in pieces, cut anywhere: fails at the first byte that no further bytes can mend.

use super::Broken;

/// Text so far.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    len: usize,
}

impl Text {
    /// The next piece.
    ///
    /// # Errors
    /// When the text cannot become UTF-8 any more.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), Broken> {
        while self.len > 0
            && let [byte, rest @ ..] = piece
        {
            piece = rest;
            self.begun[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                // No character has more than four bytes, so this cannot run past the room.
                Err(e) if e.error_len().is_none() => {}
                Err(_) => return Err(Broken::NOT_UTF8),
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(e) if e.error_len().is_none() => {
                let begun = &piece[e.valid_up_to()..];
                self.begun[..begun.len()].copy_from_slice(begun);
                self.len = begun.len();
                Ok(())
            }
            Err(_) => Err(Broken::NOT_UTF8),
        }
    }

    /// There is no more.
    ///
    /// # Errors
    /// When it ends inside a character.
    pub(super) fn end(self) -> Result<(), Broken> {
        if self.len == 0 { Ok(()) } else { Err(Broken::NOT_UTF8) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], step: usize) -> Result<(), Broken> {
        let mut text = Text::default();
        bytes.chunks(step).try_for_each(|piece| text.push(piece))?;
        text.end()
    }

    #[test]
    fn fails_at_the_byte_that_spoils_it() {
        // As in Autobahn 6.4: κόσμε, then a code point above U+10FFFF, then more text.
        let spoiled = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited";
        for step in 1..=spoiled.len() {
            let mut text = Text::default();
            let good = spoiled[..12].chunks(step).try_for_each(|piece| text.push(piece));
            assert_eq!(good, Ok(()), "the byte F4 alone may still become a character");
            assert_eq!(text.push(&spoiled[12..13]), Err(Broken::NOT_UTF8));
        }
    }

    proptest! {
        #[test]
        fn pieces_are_judged_as_the_whole(bytes in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|b| vec![b]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
        ], 0..12), step in 1usize..9) {
            let bytes = bytes.concat();
            prop_assert_eq!(read(&bytes, step).is_ok(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
