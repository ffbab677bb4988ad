//! UUIDs as the gateway reads them.

/// A UUID in its 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mock) struct Uuid([u8; 16]);

impl Uuid {
    /// `8-4-4-4-12` hexadecimal digits.
    pub(in crate::mock) fn read(text: &str) -> Option<Uuid> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|&at| bytes[at] != b'-') {
            return None;
        }
        let mut digits = bytes.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(|(_, b)| *b);
        let mut digit = || (digits.next()? as char).to_digit(16);
        let mut uuid = [0; 16];
        for byte in &mut uuid {
            *byte = (digit()? << 4 | digit()?) as u8;
        }
        Some(Uuid(uuid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6b0d8a7e-1111-4222-8333-944445555666";

    #[test]
    fn uuids() {
        assert!(Uuid::read(ID).is_some() && Uuid::read(&ID.to_uppercase()) == Uuid::read(ID));
        for text in ["", "6b0d8a7e111142228333944445555666", "6b0d8a7e-1111-4222-8333-94444555566g", "6b0d8a7e-1111-4222-8333+944445555666"]
        {
            assert_eq!(Uuid::read(text), None, "{text}");
        }
    }
}
