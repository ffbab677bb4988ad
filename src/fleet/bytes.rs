//! Numbers as bytes: seven bits a byte, the lowest first, so that small ones are short. Reading never goes past the end and
//! never reserves what a stranger claims.

/// Bytes being written.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub(super) fn numbers(&mut self, numbers: &[u64]) {
        self.number(numbers.len() as u64);
        numbers.iter().for_each(|n| self.number(*n));
    }

    pub(super) fn share(&mut self, share: f64) {
        self.0.extend(share.to_le_bytes());
    }
}

/// Bytes being read.
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.0.split_at_checked(n).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn number(&mut self) -> Result<u64, String> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err("a number is too large".into());
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number has no end".into())
    }

    /// A number of at most `most`.
    pub(super) fn up_to(&mut self, most: u64, what: &str) -> Result<u64, String> {
        match self.number()? {
            n if n <= most => Ok(n),
            n => Err(format!("{what}: {n}, at most {most}")),
        }
    }

    pub(super) fn share(&mut self) -> Result<f64, String> {
        let bytes = self.take(8)?.try_into().map_err(|_| "it is cut short")?;
        let share = f64::from_le_bytes(bytes);
        if (0.0..=1e6).contains(&share) { Ok(share) } else { Err("a share is not one".into()) }
    }

    pub(super) fn ends(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("{} bytes behind the end", self.0.len())) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers: Vec<u64>) {
            let mut out = Out::default();
            out.numbers(&numbers);
            let mut back = In(&out.0);
            prop_assert_eq!(back.number(), Ok(numbers.len() as u64));
            for n in &numbers {
                prop_assert_eq!(back.number(), Ok(*n));
            }
            prop_assert_eq!(back.ends(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut input = In(&bytes);
            while input.number().is_ok() {}
        }
    }
}
